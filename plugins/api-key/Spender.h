#pragma once

#include "KeyStore.h"
#include "Ledger.h"
#include "SpendStore.h"
#include "Stragglers.h"
#include "UsageStore.h"

#include <deque>
#include <functional>
#include <thread>
#include <unordered_set>

namespace usher::apikey {

/// DESIGN. One thread that does all the writing of the way of a trigger: spends, refunds, uses counted once a
/// second. It takes whatever waits, in one transaction; when nothing waits it adds no delay. A refund that
/// was asked for before a check began is in the same transaction as that check's spend or in an earlier one,
/// so no check sees the old state. Keys whose rows somebody else holds go to the Stragglers, so that nobody
/// else waits for them.
class Spender {
public:
    /// Judges a check anew, from the start: its key has changed meanwhile.
    using Again = std::function<void(Check)>;

    struct Stores {
        KeyStore& keys;
        SpendStore& spends;
        UsageStore& uses;
    };

    Spender(auth::Host host, Stores stores, Ledger& ledger, std::size_t batch, Again again);
    ~Spender();

    void start();
    /// Finishes what waits, then joins. Nothing may be submitted after it.
    void stop();

    /// [any-thread]
    void submit(std::vector<Spend> spends);
    void refund(std::string keyId, std::int64_t spend);
    void used(const std::string& keyId, std::int64_t atMicros);
    /// Allows: writes the ledger first, because the host may settle before complete() has returned.
    void allow(Spend& spend);

private:
    void run();
    void settle(std::vector<Spend>& spends, std::vector<Refund>& refunds);
    void refuseFull(plugin::Deadline deadline, std::vector<Spend>& spends,
                    const std::vector<Refund>& refunds);
    void answer(Spend& spend);
    void keepHouse();

    const auth::Host _host;
    const Stores _stores;
    Ledger& _ledger;
    const std::size_t _batch;
    const Again _again;
    Stragglers _stragglers;
    std::thread _thread;

    plugin::Mutex _mutex;
    plugin::Condition _wake;
    bool _stopping PLUGIN_GUARDED_BY(_mutex) = false;
    std::deque<Spend> _spends PLUGIN_GUARDED_BY(_mutex);
    std::deque<Refund> _refunds PLUGIN_GUARDED_BY(_mutex);
    plugin::Deadline _refundsNotBefore PLUGIN_GUARDED_BY(_mutex){}; ///< after a failure: no busy loop
    UsageStore::Uses _uses PLUGIN_GUARDED_BY(_mutex);
    plugin::Deadline _usesNotBefore PLUGIN_GUARDED_BY(_mutex){};
    // Own thread only.
    std::unordered_set<std::string>
        _full; ///< keys whose window was full when last decided: a hint, no verdict
    plugin::Deadline _pruneNotBefore{};
};

} // namespace usher::apikey
