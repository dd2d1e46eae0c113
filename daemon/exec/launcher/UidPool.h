#pragma once

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <deque>
#include <set>
#include <vector>

namespace usher {

/// Uids for the tests of one run. They are its own, on this machine, for as long as `claim` is open somewhere
/// (UidClaims.h).
struct TakenUids {
    std::vector<uid_t> uids;
    UniqueFd claim; ///< may be empty: there is no place for claims
};

/// The uids that tests run under. One that was given back is given out again only after /proc showed no
/// process with it; the look at /proc is taken for many at once, so that its price is shared. The ones used
/// last come first: their boxes are kept (leader/Box.h). Belongs to the launcher's loop.
class UidPool {
public:
    /// `held`: uids that leaders of an earlier launcher still use.
    UidPool(uid_t first, uid_t last, const std::vector<uid_t>& held);

    /// None when fewer than `count` are free.
    TakenUids take(std::size_t count);
    void giveBack(const std::vector<uid_t>& uids);

private:
    void check();

    uid_t _first;
    uid_t _last;
    std::deque<uid_t> _free;
    std::set<uid_t> _unchecked;
    std::size_t _returned = 0; ///< since the last look
};

} // namespace usher
