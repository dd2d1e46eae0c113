#include "session/Throttle.h"

#include "common/Crypto.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace usher::session {

namespace {

using std::chrono::seconds;

constexpr int kPairAllowance = 5, kHotPairAllowance = 1, kAddressAllowance = 12, kHotAccount = 20;
constexpr seconds kFirstWait{2}, kPairCap{15 * 60}, kAddressCap{60}, kForgetAfter{15 * 60};

seconds waitAfter(int failures, int allowance, seconds cap) {
    if (failures < allowance) return seconds(0);
    const int doublings = std::min(failures - allowance, 16);
    return std::min(cap, kFirstWait * (1 << doublings));
}

/// One host, as far as guessing goes: a /64 is one customer's to choose from.
std::string hostOf(std::string_view address) {
    in6_addr six{};
    const std::string text(address);
    if (inet_pton(AF_INET6, text.c_str(), &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six)) return text;
    return std::string(reinterpret_cast<const char*>(&six), 8);
}

struct Names {
    std::string pair, address, account;
    Names(std::string_view accountText, std::string_view addressText) {
        // A hash, so that a name has one size, whatever somebody typed as an e-mail.
        const std::string accountHash = plugin::sha256(accountText).substr(0, 16);
        const std::string host = hostOf(addressText.substr(0, 64));
        pair = "p" + accountHash + host;
        address = "a" + host;
        account = "u" + accountHash;
    }
};

} // namespace

Throttle::Throttle(Now now, std::size_t capacity)
    : _now(std::move(now)), _capacity(std::max<std::size_t>(capacity, 3)) {}

seconds Throttle::tryBegin(std::string_view account, std::string_view address) {
    const Names names(account, address);
    const Time now = _now();
    const plugin::Lock lock(_mutex);
    Time until = now;
    for (const std::string* name : {&names.pair, &names.address}) {
        const auto found = _byName.find(*name);
        if (found != _byName.end()) until = std::max(until, found->second->until);
    }
    if (until > now) return std::chrono::ceil<seconds>(until - now);
    for (const std::string* name : {&names.account, &names.address, &names.pair})
        ++touch(*name, now).failures;
    schedule(names.pair, names.address, names.account, now);
    return seconds(0);
}

void Throttle::failed(std::string_view account, std::string_view address) {
    const Names names(account, address);
    const Time now = _now();
    const plugin::Lock lock(_mutex);
    // Counted in tryBegin(); the wait begins now.
    schedule(names.pair, names.address, names.account, now);
}

void Throttle::succeeded(std::string_view account, std::string_view address) {
    const Names names(account, address);
    const Time now = _now();
    const plugin::Lock lock(_mutex);
    takeBack(names.pair, now, true);
    // The address keeps its other failures: one account of one's own must not buy guesses at others.
    takeBack(names.address, now, false);
    takeBack(names.account, now, false);
}

void Throttle::undecided(std::string_view account, std::string_view address) {
    const Names names(account, address);
    const Time now = _now();
    const plugin::Lock lock(_mutex);
    for (const std::string* name : {&names.pair, &names.address, &names.account}) takeBack(*name, now, false);
}

std::size_t Throttle::size() const {
    const plugin::Lock lock(_mutex);
    return _entries.size();
}

Throttle::Entry& Throttle::touch(const std::string& name, Time now) {
    const auto found = _byName.find(name);
    if (found != _byName.end()) {
        _entries.splice(_entries.begin(), _entries, found->second);
        Entry& entry = _entries.front();
        if (now - std::max(entry.last, entry.until) > kForgetAfter) entry.failures = 0;
        entry.last = now;
        return entry;
    }
    if (_entries.size() >= _capacity) {
        _byName.erase(_entries.back().name);
        _entries.pop_back();
    }
    _entries.push_front({name, 0, {}, now});
    _byName.emplace(name, _entries.begin());
    return _entries.front();
}

void Throttle::takeBack(const std::string& name, Time now, bool forgetAll) {
    const auto found = _byName.find(name);
    if (found == _byName.end()) return;
    Entry& entry = *found->second;
    entry.failures = forgetAll ? 0 : std::max(0, entry.failures - 1);
    entry.until = now;
    if (entry.failures > 0) return;
    _entries.erase(found->second);
    _byName.erase(found);
}

void Throttle::schedule(const std::string& pair, const std::string& address, const std::string& account,
                        Time now) {
    const auto failures = [this](const std::string& name) PLUGIN_REQUIRES(_mutex) {
        const auto found = _byName.find(name);
        return found == _byName.end() ? 0 : found->second->failures;
    };
    const int allowance = failures(account) > kHotAccount ? kHotPairAllowance : kPairAllowance;
    const auto pairAt = _byName.find(pair);
    if (pairAt != _byName.end())
        pairAt->second->until = now + waitAfter(pairAt->second->failures, allowance, kPairCap);
    const auto addressAt = _byName.find(address);
    if (addressAt != _byName.end())
        addressAt->second->until =
            now + waitAfter(addressAt->second->failures, kAddressAllowance, kAddressCap);
}

} // namespace usher::session
