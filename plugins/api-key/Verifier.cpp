#include "Verifier.h"

#include "Judge.h"
#include "KeyFormat.h"
#include "common/Crypto.h"

#include <algorithm>

namespace usher::apikey {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kMargin = milliseconds(10);

/// A row that was found by the key in the clear must be what its `start` says, so that a hash that leaked and
/// was stored as if it were a key opens nothing.
bool matches(const Check& check, const std::string& hex, const KeyRow& row) {
    if (plugin::equalsConstantTime(row.stored, check.stored)) return true;
    if (plugin::equalsConstantTime(row.stored, hex)) return true;
    return !check.plain.empty() && plugin::equalsConstantTime(row.stored, check.plain) &&
           !row.start.empty() && check.plain.starts_with(row.start);
}

} // namespace

Verifier::Verifier(auth::Host host, KeyStore& keys, SpendStore& spends, std::size_t batch,
                   std::size_t queueLimit)
    : _host(host), _keys(keys), _spends(spends), _batch(batch), _queueLimit(queueLimit) {}

void Verifier::start(Spender& spender) {
    _spender = &spender;
    _thread = auth::startThread([this] { run(); });
}

void Verifier::stop() {
    {
        plugin::Lock lock(_mutex);
        _stopping = true;
        _wake.notifyAll();
    }
    if (_thread.joinable()) _thread.join();
}

bool Verifier::submit(Check check) {
    plugin::Lock lock(_mutex);
    if (_stopping || _queue.size() >= _queueLimit) return false; // the call, dropped, answers ERROR
    _queue.push_back(std::move(check));
    _waiting.store(_queue.size(), std::memory_order_relaxed);
    if (_asleep) _wake.notifyOne();
    return true;
}

void Verifier::run() {
    std::vector<Check> checks;
    for (;;) {
        checks.clear();
        {
            plugin::Lock lock(_mutex);
            _asleep = true;
            while (_queue.empty() && !_stopping) _wake.wait(lock);
            _asleep = false;
            if (_queue.empty()) return;
            if (_queue.size() <= _batch) {
                checks.swap(_queue);
            } else {
                const auto end = _queue.begin() + static_cast<std::ptrdiff_t>(_batch);
                checks.assign(std::make_move_iterator(_queue.begin()), std::make_move_iterator(end));
                _queue.erase(_queue.begin(), end);
            }
            _waiting.store(_queue.size(), std::memory_order_relaxed);
        }
        try {
            verify(checks);
        } catch (const std::exception& error) {
            for (Check& check : checks)
                if (check.call.open()) check.call.complete(auth::Verdict::error(error.what()));
        }
        for (Check& check : checks) plugin::wipe(check.plain);
    }
}

void Verifier::verify(std::vector<Check>& checks) {
    auto deadline = steady_clock::now() + milliseconds(20);
    for (const Check& check : checks) deadline = std::max(deadline, check.deadline - kMargin);
    std::vector<std::string_view> wanted;
    wanted.reserve(checks.size());
    for (const Check& check : checks) wanted.push_back(check.stored);
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());

    const std::vector<KeyRow> found = _keys.find(deadline, wanted);
    std::unordered_map<std::string_view, const KeyRow*> known;
    known.reserve(found.size());
    for (const KeyRow& row : found) known.emplace(row.stored, &row);
    std::vector<const KeyRow*> perCheck(checks.size(), nullptr);
    bool missing = false;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const auto at = known.find(checks[i].stored);
        if (at != known.end() && plugin::equalsConstantTime(at->second->stored, checks[i].stored))
            perCheck[i] = at->second;
        else
            missing = true;
    }
    std::vector<KeyRow> older;
    if (missing) findOlderForms(checks, older, perCheck, deadline);
    answer(checks, perCheck, deadline);
}

/// The same question for what was not found: a second statement, so that the usual key costs one lookup.
void Verifier::findOlderForms(const std::vector<Check>& checks, std::vector<KeyRow>& rows,
                              std::vector<const KeyRow*>& perCheck, plugin::Deadline deadline) {
    std::vector<std::string> hex(checks.size());
    std::vector<std::string_view> wanted;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        if (perCheck[i]) continue;
        hex[i] = plugin::toHex(checks[i].digest);
        wanted.push_back(hex[i]);
        wanted.push_back(checks[i].stored); // written by an older node between the two statements
        if (!checks[i].plain.empty()) wanted.push_back(checks[i].plain);
    }
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    rows = _keys.find(deadline, wanted);
    if (rows.empty()) return;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        if (perCheck[i]) continue;
        for (const KeyRow& row : rows)
            if (matches(checks[i], hex[i], row)) perCheck[i] = &row;
    }
}

void Verifier::answer(std::vector<Check>& checks, const std::vector<const KeyRow*>& rows,
                      plugin::Deadline deadline) {
    std::vector<Spend> spends;
    std::vector<std::pair<std::size_t, auth::Verdict>>
        withLimits; // cost nothing, but show where the window stands
    for (std::size_t i = 0; i < checks.size(); ++i) {
        Check& check = checks[i];
        const KeyRow* const row = rows[i];
        if (!row) {
            check.call.complete(unknownKey());
            continue;
        }
        std::optional<Refusal> no = refusal(check, *row);
        if (no && (!no->valid || !row->limited)) {
            check.call.complete(no->verdict);
        } else if (no) {
            withLimits.emplace_back(i, std::move(no->verdict));
        } else if (check.spends && (row->spends() || row->stored != check.stored)) {
            spends.push_back({std::move(check), *row});
        } else if (!check.spends && row->limited) {
            withLimits.emplace_back(i, allowed(check, *row, std::nullopt));
        } else {
            Spend free{std::move(check), *row};
            _spender->allow(free);
        }
    }
    if (!spends.empty()) _spender->submit(std::move(spends));
    if (withLimits.empty()) return;
    std::vector<std::string_view> ids;
    for (const auto& [i, verdict] : withLimits) ids.push_back(rows[i]->id);
    const auto limits = _spends.peek(deadline, ids);
    for (auto& [i, verdict] : withLimits) {
        for (const auto& [id, limit] : limits)
            if (id == rows[i]->id) addLimits(verdict, limit);
        checks[i].call.complete(verdict);
    }
}

} // namespace usher::apikey
