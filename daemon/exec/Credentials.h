#pragma once

#include <sys/types.h>

#include <cstdint>

namespace usher {

// Capabilities and user ids by the kernel's own calls: they act on the calling thread only, so every caller
// has one thread. Functions marked [after-fork] allocate nothing and touch no lock.

using CapabilityMask = std::uint64_t;

/// setuid, setgid and kill: all that launcher and leader ever hold.
extern const CapabilityMask kLauncherCapabilities;

CapabilityMask permittedCapabilities();
/// Takes all others out of the bounding set. False when it is not allowed to.
bool limitBoundingSet(CapabilityMask keep);
/// Permitted, effective and inheritable become exactly `mask`. [after-fork]
bool setCapabilities(CapabilityMask mask);
/// Programs that we start get these too, without being root. [after-fork]
bool raiseAmbient(CapabilityMask mask);
/// Whom a test runs as: a uid and gid of its own, and the group of its run, by which tests of one run that
/// run at the same time share their folder.
struct TestUser {
    uid_t uid;
    gid_t runGroup;

    bool operator==(const TestUser&) const = default;
};

/// Groups, gid, uid, then no capability at all, checked. False: nothing may be executed. [after-fork]
bool becomeUser(const TestUser& user);

/// Files are opened and pipes are made as this user while it lives; the process keeps its own uid otherwise.
class AsFileUser {
public:
    explicit AsFileUser(uid_t uid);
    ~AsFileUser();
    AsFileUser(const AsFileUser&) = delete;
    AsFileUser& operator=(const AsFileUser&) = delete;

private:
    int _before;
};

} // namespace usher
