#include "exec/Credentials.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace usher {

const CapabilityMask kLauncherCapabilities =
    CapabilityMask{1} << CAP_SETUID | CapabilityMask{1} << CAP_SETGID | CapabilityMask{1} << CAP_KILL;

CapabilityMask permittedCapabilities() {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &head, data) != 0) return 0;
    return CapabilityMask{data[1].permitted} << 32 | data[0].permitted;
}

bool limitBoundingSet(CapabilityMask keep) {
    for (int capability = 0; capability < 64; ++capability) {
        if (keep >> capability & 1) continue;
        int present = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (present < 0) break; // past the last one this kernel knows
        if (present == 1 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
    }
    return true;
}

bool setCapabilities(CapabilityMask mask) {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    auto low = static_cast<__u32>(mask), high = static_cast<__u32>(mask >> 32);
    data[0] = {low, low, low};
    data[1] = {high, high, high};
    return ::syscall(SYS_capset, &head, data) == 0;
}

bool raiseAmbient(CapabilityMask mask) {
    for (int capability = 0; capability < 64; ++capability)
        if ((mask >> capability & 1) && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
            return false;
    return true;
}

bool becomeUser(const TestUser& user) {
    const uid_t uid = user.uid;
    const gid_t gid = static_cast<gid_t>(user.uid);
    // Raw calls: the C library's would try to bring other threads along, which there are none of after a
    // fork.
    if (::syscall(SYS_setgroups, user.runGroup == gid ? 0 : 1, &user.runGroup) != 0) return false;
    if (::syscall(SYS_setresgid, gid, gid, gid) != 0) return false;
    if (::syscall(SYS_setresuid, uid, uid, uid) != 0) return false;
    // From one user id other than 0 to another, the kernel takes no capability away.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!setCapabilities(0)) return false;
    return permittedCapabilities() == 0 && ::getuid() == uid && ::geteuid() == uid && ::getgid() == gid;
}

AsFileUser::AsFileUser(uid_t uid) : _before(::setfsuid(uid)) {}
AsFileUser::~AsFileUser() {
    ::setfsuid(static_cast<uid_t>(_before));
}

} // namespace usher
