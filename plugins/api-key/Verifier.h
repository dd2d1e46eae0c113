#pragma once

#include "KeyStore.h"
#include "Spender.h"

#include <atomic>

namespace usher::apikey {

/// DESIGN. Checks that wait together are answered by one SELECT: no cache, so nothing can be stale, and yet a
/// fraction of a round trip each. A check's key is read by a statement that begins after the check did; hence
/// whatever was committed before the check began (a revocation above all) counts. One thread takes whatever
/// waits, at once when idle. Keys that cost something go on to the Spender, the others are answered here and
/// never wait for them.
class Verifier {
public:
    Verifier(auth::Host host, KeyStore& keys, SpendStore& spends, std::size_t batch, std::size_t queueLimit);

    void start(Spender& spender);
    void stop(); ///< finishes what waits, then joins
    /// False: the queue is full; the check is answered ERROR. [any-thread]
    bool submit(Check check);
    std::size_t waiting() const { return _waiting.load(std::memory_order_relaxed); }

private:
    void run();
    void verify(std::vector<Check>& checks);
    void findOlderForms(const std::vector<Check>& checks, std::vector<KeyRow>& rows,
                        std::vector<const KeyRow*>& perCheck, plugin::Deadline deadline);
    void answer(std::vector<Check>& checks, const std::vector<const KeyRow*>& rows,
                plugin::Deadline deadline);

    const auth::Host _host;
    KeyStore& _keys;
    SpendStore& _spends;
    const std::size_t _batch, _queueLimit;
    Spender* _spender = nullptr;
    std::thread _thread;

    plugin::Mutex _mutex;
    plugin::Condition _wake;
    bool _stopping PLUGIN_GUARDED_BY(_mutex) = false;
    bool _asleep PLUGIN_GUARDED_BY(_mutex) = false;
    std::vector<Check> _queue PLUGIN_GUARDED_BY(_mutex);
    std::atomic<std::size_t> _waiting{0};
};

} // namespace usher::apikey
