#include "plugin/helper/Confine.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace usher {

namespace {

constexpr rlim_t kDataLimit = rlim_t{1}
                              << 30; // bytes of memory of its own: a leak ends here, not the machine

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr unsigned kArchitecture = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr unsigned kArchitecture = AUDIT_ARCH_S390X;
#else
#error "Say which AUDIT_ARCH this processor has."
#endif

/// socket() of another family than AF_UNIX: EACCES. io_uring opens sockets, too. Any other way into the
/// kernel (32-bit calls) is the end of the process.
bool denyNetwork() {
    constexpr unsigned number = offsetof(seccomp_data, nr), architecture = offsetof(seccomp_data, arch),
                       family = offsetof(seccomp_data, args);
    constexpr unsigned denied = SECCOMP_RET_ERRNO | EACCES;
    sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, architecture),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 5, 0), // x32
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, family), // little-endian and small: the low word
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, denied),
    };
    const sock_fprog program{sizeof rules / sizeof *rules, rules};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

} // namespace

bool becomeUserForGood(uid_t uid, gid_t gid) {
    if (::setgroups(1, &gid) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)
        return false;
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    return ::syscall(SYS_capset, &head, none) == 0 && ::getuid() == uid && ::setresuid(0, 0, 0) != 0;
}

bool confine(bool network) {
    ::prctl(PR_SET_NAME, "usher-plugin");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    // The launcher's privileges are not ours, whoever we are.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    ::syscall(SYS_capset, &head, none);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const rlimit noCore{0, 0};
    ::setrlimit(RLIMIT_CORE, &noCore);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const rlimit data{kDataLimit, kDataLimit};
    if (::setrlimit(RLIMIT_DATA, &data) != 0) return false;
#endif
    return network || denyNetwork();
}

} // namespace usher
