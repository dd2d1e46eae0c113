#pragma once

#include "SpendStore.h"
#include "common/Mutex.h"

#include <deque>
#include <functional>
#include <thread>

namespace usher::apikey {

/// The checks and refunds of keys whose rows somebody else holds. They are tried one key at a time, waiting
/// for the row 20 ms at most, the least tried first: a row that stays locked delays only its own key. One
/// thread; idle most of the time.
class Stragglers {
public:
    /// Gives the decided ones to their answers; a spend that is still locked at its deadline comes back as
    /// `locked`.
    using Done = std::function<void(Spend&)>;

    Stragglers(auth::Host host, SpendStore& store, Done done)
        : _host(host), _store(store), _done(std::move(done)) {}

    void start();
    void stop(); ///< answers what waits, as locked, then joins

    void add(Spend spend);   ///< [any-thread]
    void add(Refund refund); ///< [any-thread]

private:
    struct Key {
        std::string id;
        std::vector<Spend> spends;
        std::vector<Refund> refunds;
        int tries = 0;
    };

    void run();
    void attempt(Key key);
    Key& keyOf(const std::string& id) PLUGIN_REQUIRES(_mutex);

    const auth::Host _host;
    SpendStore& _store;
    const Done _done;
    std::thread _thread;

    plugin::Mutex _mutex;
    plugin::Condition _wake;
    bool _stopping PLUGIN_GUARDED_BY(_mutex) = false;
    std::deque<Key> _keys PLUGIN_GUARDED_BY(_mutex);
};

} // namespace usher::apikey
