#include "Stragglers.h"

#include <algorithm>

namespace usher::apikey {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kMargin = milliseconds(20); // what is left of a deadline below this is not worth a try
constexpr int kRefundTries = 3000;         // about a minute

bool late(const Spend& spend) {
    return spend.check.deadline - steady_clock::now() < kMargin;
}

} // namespace

void Stragglers::start() {
    _thread = auth::startThread([this] { run(); });
}

void Stragglers::stop() {
    {
        plugin::Lock lock(_mutex);
        _stopping = true;
        _wake.notifyAll();
    }
    if (_thread.joinable()) _thread.join();
}

Stragglers::Key& Stragglers::keyOf(const std::string& id) {
    const auto found = std::find_if(_keys.begin(), _keys.end(), [&](const Key& key) { return key.id == id; });
    if (found != _keys.end()) return *found;
    _keys.push_back({id, {}, {}, 0});
    return _keys.back();
}

void Stragglers::add(Spend spend) {
    plugin::Lock lock(_mutex);
    keyOf(spend.key.id).spends.push_back(std::move(spend));
    _wake.notifyOne();
}

void Stragglers::add(Refund refund) {
    plugin::Lock lock(_mutex);
    keyOf(refund.keyId).refunds.push_back(std::move(refund));
    _wake.notifyOne();
}

void Stragglers::run() {
    for (;;) {
        Key key;
        {
            plugin::Lock lock(_mutex);
            while (_keys.empty() && !_stopping) _wake.wait(lock);
            if (_keys.empty()) return;
            const auto next = std::min_element(_keys.begin(), _keys.end(),
                                               [](const Key& a, const Key& b) { return a.tries < b.tries; });
            key = std::move(*next);
            _keys.erase(next);
        }
        attempt(std::move(key));
    }
}

void Stragglers::attempt(Key key) {
    std::vector<Spend> lost;
    for (Spend& spend : key.spends)
        if (late(spend)) lost.push_back(std::move(spend));
    std::erase_if(key.spends, [](const Spend& spend) { return !spend.check.call.open(); });
    for (Spend& spend : lost) _done(spend);
    if (key.spends.empty() && key.refunds.empty()) return;

    auto deadline = steady_clock::now() + milliseconds(500);
    for (const Spend& spend : key.spends) deadline = std::max(deadline, spend.check.deadline - kMargin / 2);
    bool stopping = false;
    try {
        _store.settle(deadline, key.spends, key.refunds, SpendStore::Locking::wait);
        for (Spend& spend : key.spends) _done(spend);
        return;
    } catch (const plugin::DatabaseBusy&) {
        for (Spend& spend : key.spends) spend.outcome = Spend::Outcome::locked;
    } catch (const std::exception& error) {
        _host.log(USHER_LOG_ERROR, std::string("cannot spend for key ") + key.id + ": " + error.what());
        for (Spend& spend : key.spends) {
            spend.outcome = Spend::Outcome::locked;
            _done(spend);
        }
        key.spends.clear();
        std::this_thread::sleep_for(milliseconds(20)); // refunds stay; the database needs a moment
    }
    ++key.tries;
    if (key.tries > kRefundTries && !key.refunds.empty()) {
        _host.log(USHER_LOG_WARNING,
                  "gave up giving back what key " + key.id + " spent: its row stays locked");
        key.refunds.clear();
    }
    {
        plugin::Lock lock(_mutex);
        stopping = _stopping;
        if (!stopping && (!key.spends.empty() || !key.refunds.empty())) {
            Key& waiting = keyOf(key.id); // more may have come meanwhile
            waiting.tries = std::max(waiting.tries, key.tries);
            std::move(waiting.spends.begin(), waiting.spends.end(), std::back_inserter(key.spends));
            std::move(waiting.refunds.begin(), waiting.refunds.end(), std::back_inserter(key.refunds));
            waiting.spends = std::move(key.spends);
            waiting.refunds = std::move(key.refunds);
        }
    }
    if (stopping)
        for (Spend& spend : key.spends) _done(spend);
}

} // namespace usher::apikey
