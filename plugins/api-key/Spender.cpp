#include "Spender.h"

#include "Judge.h"
#include "common/Text.h"

#include <algorithm>
#include <unordered_map>

namespace usher::apikey {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr auto kMargin = milliseconds(10);
constexpr auto kFlush = seconds(1); // request_count and last_request may lag by this
constexpr auto kPruneEvery = seconds(60);
constexpr std::size_t kMostRefunds = 100'000; // beyond it the window is short by a few: never over the limit
constexpr std::size_t kMostFull = 10'000;     // beyond it a refusal costs what a grant costs

} // namespace

Spender::Spender(auth::Host host, Stores stores, Ledger& ledger, std::size_t batch, Again again)
    : _host(host), _stores(stores), _ledger(ledger), _batch(batch), _again(std::move(again)),
      _stragglers(host, stores.spends, [this](Spend& spend) { answer(spend); }) {}

Spender::~Spender() = default;

void Spender::start() {
    _pruneNotBefore = steady_clock::now() + kPruneEvery;
    _stragglers.start();
    _thread = auth::startThread([this] { run(); });
}

void Spender::stop() {
    {
        plugin::Lock lock(_mutex);
        _stopping = true;
        _wake.notifyAll();
    }
    if (_thread.joinable()) _thread.join();
    _stragglers.stop();
}

void Spender::submit(std::vector<Spend> spends) {
    plugin::Lock lock(_mutex);
    std::move(spends.begin(), spends.end(), std::back_inserter(_spends));
    _wake.notifyOne();
}

void Spender::refund(std::string keyId, std::int64_t spend) {
    plugin::Lock lock(_mutex);
    if (_refunds.size() >= kMostRefunds) return;
    _refunds.push_back({std::move(keyId), spend});
    _wake.notifyOne();
}

void Spender::used(const std::string& keyId, std::int64_t atMicros) {
    plugin::Lock lock(_mutex);
    if (_uses.empty()) {
        _usesNotBefore = steady_clock::now() + kFlush;
        _wake.notifyOne(); // it may be asleep without a time
    }
    UsageStore::Use& use = _uses[keyId];
    ++use.count;
    use.lastMicros = std::max(use.lastMicros, atMicros);
}

void Spender::run() {
    for (;;) {
        std::vector<Spend> spends;
        std::vector<Refund> refunds;
        bool stopping = false;
        {
            plugin::Lock lock(_mutex);
            for (;;) {
                const auto now = steady_clock::now();
                stopping = _stopping;
                auto until = _pruneNotBefore;
                if (!_refunds.empty()) until = std::min(until, _refundsNotBefore);
                if (!_uses.empty()) until = std::min(until, _usesNotBefore);
                if (stopping || !_spends.empty() || now >= until) break;
                _wake.waitUntil(lock, until);
            }
            while (!_spends.empty() && spends.size() < _batch) {
                spends.push_back(std::move(_spends.front()));
                _spends.pop_front();
            }
            // All of them, whatever their number: a spend that was asked for after a refund must not overtake
            // it.
            refunds.assign(std::make_move_iterator(_refunds.begin()),
                           std::make_move_iterator(_refunds.end()));
            _refunds.clear();
        }
        if (!spends.empty() || !refunds.empty()) settle(spends, refunds);
        keepHouse();
        if (!stopping) continue;
        plugin::Lock lock(_mutex);
        if (_spends.empty()) return;
    }
}

void Spender::settle(std::vector<Spend>& spends, std::vector<Refund>& refunds) {
    const auto now = steady_clock::now();
    // Past its deadline the host has answered already; spending for it would only have to be taken back.
    std::erase_if(spends, [&](const Spend& spend) { return spend.check.deadline <= now; });
    if (spends.empty() && refunds.empty()) return;
    auto deadline = now + milliseconds(spends.empty() ? 1000 : 100);
    for (const Spend& spend : spends) deadline = std::max(deadline, spend.check.deadline - kMargin);
    try {
        refuseFull(deadline, spends, refunds);
        if (spends.empty() && refunds.empty()) return;
        _stores.spends.settle(deadline, spends, refunds, SpendStore::Locking::skip);
    } catch (const plugin::DatabaseUnavailable& error) {
        for (Spend& spend : spends) spend.check.call.complete(auth::Verdict::error(error.what()));
        plugin::Lock lock(_mutex);
        _refundsNotBefore = steady_clock::now() + milliseconds(100);
        _refunds.insert(_refunds.begin(), std::make_move_iterator(refunds.begin()),
                        std::make_move_iterator(refunds.end()));
        return;
    } catch (const std::exception& error) {
        _host.log(USHER_LOG_ERROR, std::string("a batch failed, trying each alone: ") + error.what());
        // The one that the database refuses must not fail the others; alone it ends at the Stragglers' catch.
        for (Refund& refund : refunds) _stragglers.add(std::move(refund));
        for (Spend& spend : spends) _stragglers.add(std::move(spend));
        return;
    }
    for (Refund& refund : refunds)
        if (refund.locked) _stragglers.add(std::move(refund));
    for (Spend& spend : spends) {
        if (spend.outcome == Spend::Outcome::locked) {
            _stragglers.add(std::move(spend));
            continue;
        }
        if (spend.outcome == Spend::Outcome::rateLimited) {
            if (_full.size() >= kMostFull) _full.clear();
            _full.insert(spend.key.id);
        }
        answer(spend);
    }
}

/// Whoever hammers a key that is over its limit is refused by a read. A window that is full in any committed
/// snapshot was full at that moment: to refuse, no lock is needed (a row lock is a write, and waits for the
/// disk). To grant, it is: what is not full any more goes the usual way, and so does all that has a refund.
void Spender::refuseFull(plugin::Deadline deadline, std::vector<Spend>& spends,
                         const std::vector<Refund>& refunds) {
    for (const Refund& refund : refunds) _full.erase(refund.keyId);
    std::vector<std::string_view> ids;
    for (const Spend& spend : spends)
        if (_full.contains(spend.key.id)) ids.push_back(spend.key.id);
    if (ids.empty()) return;
    std::unordered_map<std::string, Limits> full;
    for (auto& [id, limits] : _stores.spends.peek(deadline, ids)) {
        if (limits.remaining == 0)
            full.emplace(std::move(id), limits);
        else
            _full.erase(id);
    }
    std::erase_if(spends, [&](Spend& spend) {
        const auto at = full.find(spend.key.id);
        if (at == full.end()) return false;
        spend.outcome = Spend::Outcome::rateLimited;
        spend.limits = at->second;
        answer(spend);
        return true;
    });
}

void Spender::answer(Spend& spend) {
    switch (spend.outcome) {
    case Spend::Outcome::locked:
        spend.check.call.complete(
            auth::Verdict::error("the key's row stayed locked, or the database is away"));
        break;
    case Spend::Outcome::gone:
    case Spend::Outcome::stale:
        _again(std::move(spend.check));
        break;
    case Spend::Outcome::rateLimited:
        spend.check.call.complete(rateLimited(spend.key, spend.limits.value_or(Limits{})));
        break;
    case Spend::Outcome::usedUp:
        spend.check.call.complete(usedUp(spend.key, spend.limits, spend.refillMs));
        break;
    case Spend::Outcome::granted:
        allow(spend);
        break;
    }
}

void Spender::allow(Spend& spend) {
    Check& check = spend.check;
    if (check.spends && spend.key.stored != check.stored) {
        try {
            _stores.keys.rewrite(steady_clock::now() + milliseconds(200), spend.key, check.stored);
        } catch (const std::exception& error) {
            // The next use tries again; this one is none the worse.
            _host.log(USHER_LOG_WARNING,
                      "cannot rewrite key " + spend.key.id + " to today's form: " + error.what());
        }
    }
    const usher_call handle = check.call.handle();
    if (check.spends) _ledger.put(handle, {spend.key.id, spend.id});
    if (check.call.complete(allowed(check, spend.key, spend.limits))) return;
    // Too late: nobody will settle it.
    if (check.spends && _ledger.take(handle) && spend.id != 0) refund(spend.key.id, spend.id);
}

void Spender::keepHouse() {
    const auto now = steady_clock::now();
    UsageStore::Uses uses;
    {
        plugin::Lock lock(_mutex);
        if (now >= _usesNotBefore || _stopping) uses.swap(_uses);
    }
    try {
        _stores.uses.record(now + seconds(1), uses);
    } catch (const std::exception& error) {
        _host.log(USHER_LOG_WARNING, std::string("cannot count uses yet: ") + error.what());
    }
    if (!uses.empty()) {
        plugin::Lock lock(_mutex);
        _usesNotBefore = now + kFlush;
        for (const auto& [id, use] : uses) {
            UsageStore::Use& waiting = _uses[id];
            waiting.count += use.count;
            waiting.lastMicros = std::max(waiting.lastMicros, use.lastMicros);
        }
    }
    if (now < _pruneNotBefore) return;
    constexpr int rows = 2000;
    try {
        const bool more = _stores.spends.prune(now + seconds(2), rows) == rows;
        _pruneNotBefore = now + (more ? seconds(1) : kPruneEvery);
    } catch (const std::exception&) {
        _pruneNotBefore = now + kPruneEvery;
    }
}

} // namespace usher::apikey
