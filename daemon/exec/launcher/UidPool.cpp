#include "exec/launcher/UidPool.h"

#include "exec/ProcessTable.h"

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

std::vector<uid_t> UidPool::take(std::size_t count) {
    if (_free.size() < count || _returned >= kCheckAtOnce) check();
    std::vector<uid_t> uids;
    if (_free.size() < count) return uids;
    for (; uids.size() < count; _free.pop_front()) uids.push_back(_free.front());
    return uids;
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
