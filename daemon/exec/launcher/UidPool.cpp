#include "exec/launcher/UidPool.h"

#include "exec/ProcessTable.h"
#include "exec/launcher/UidClaims.h"

namespace usher {

namespace {

constexpr std::size_t kCheckAtOnce = 64;

} // namespace

UidPool::UidPool(uid_t first, uid_t last, const std::vector<uid_t>& held) : _first(first), _last(last) {
    std::set<uid_t> taken(held.begin(), held.end());
    for (uid_t uid = first; uid <= last; ++uid)
        if (!taken.count(uid)) _unchecked.insert(uid);
    check();
}

TakenUids UidPool::take(std::size_t count) {
    if (_free.size() < count || _returned >= kCheckAtOnce) check();
    TakenUids taken{{}, openUidClaims()};
    // Another launcher's go to the end of the line.
    for (std::size_t left = _free.size(); left > 0 && taken.uids.size() < count; --left) {
        const uid_t uid = _free.front();
        _free.pop_front();
        if (claimUids(taken.claim, {uid}))
            taken.uids.push_back(uid);
        else
            _free.push_back(uid);
    }
    if (taken.uids.size() == count) return taken;
    _free.insert(_free.begin(), taken.uids.begin(), taken.uids.end());
    return {};
}

void UidPool::giveBack(const std::vector<uid_t>& uids) {
    for (uid_t uid : uids)
        if (uid >= _first && uid <= _last) _unchecked.insert(uid);
    _returned += uids.size();
}

void UidPool::check() {
    _returned = 0;
    if (_unchecked.empty()) return;
    std::set<uid_t> used = uidsInUse(_first, _last);
    for (auto at = _unchecked.begin(); at != _unchecked.end();) {
        if (used.count(*at)) {
            ++at;
            continue;
        }
        _free.push_front(*at);
        at = _unchecked.erase(at);
    }
}

} // namespace usher
