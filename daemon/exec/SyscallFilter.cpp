#include "exec/SyscallFilter.h"

#include "base/UniqueFd.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace usher {

namespace {

constexpr const char* kRefused[] = {
    // mounts and namespaces
    "mount", "umount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick",
    "open_tree", "move_mount", "mount_setattr", "setns", "unshare",
    // the machine
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon",
    "swapoff", "acct", "quotactl", "quotactl_fd", "sethostname", "setdomainname", "syslog", "vhangup", "iopl",
    "ioperm", "nfsservctl", "uselib", "ustat", "sysfs", "_sysctl", "lookup_dcookie",
    // the clock
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime",
    // looks into the kernel or around its checks
    "bpf", "perf_event_open", "userfaultfd", "kcmp", "name_to_handle_at", "open_by_handle_at",
    "fanotify_init", "add_key", "request_key", "keyctl", "modify_ldt", "vm86", "vm86old", "pidfd_getfd"};

/// Programs that find them missing have another way.
constexpr const char* kMissing[] = {"io_uring_setup", "io_uring_enter", "io_uring_register", "clone3"};

constexpr int kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
constexpr unsigned long kNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

void check(int error, const char* what) {
    if (error < 0)
        throw std::runtime_error(std::string("cannot make the filter of system calls: ") + what + ": " +
                                 std::strerror(-error));
}

void add(scmp_filter_ctx filter, const char* name, int answer) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return; // this library does not know it, so no program here does
    const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(answer)), number, 0);
    if (error != -EDOM) check(error, name); // EDOM: not of this architecture
}

void addArguments(scmp_filter_ctx filter) {
    const auto no = SCMP_ACT_ERRNO(EPERM);
    check(seccomp_rule_add(filter, no, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, TIOCSTI)),
          "ioctl");
    for (unsigned long bit = 1; bit <= kNamespaces && bit != 0; bit <<= 1)
        if (kNamespaces & bit)
            check(seccomp_rule_add(filter, no, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)),
                  "clone");
    // A family is allowed by name; of the others, those in between and all above.
    for (int family = 0; family < 64; ++family) {
        bool allowed = false;
        for (int one : kFamilies) allowed = allowed || one == family;
        if (!allowed)
            check(
                seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, 0xFFFFFFFFu, static_cast<scmp_datum_t>(family))),
                "socket");
    }
}

} // namespace

SyscallFilter::SyscallFilter() {
    std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
    if (!filter) throw std::runtime_error("cannot make the filter of system calls");
    check(seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "architecture");
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); // a tree; an older library has a list
    for (const char* name : kRefused) add(filter.get(), name, EPERM);
    for (const char* name : kMissing) add(filter.get(), name, ENOSYS);
    addArguments(filter.get());

    UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
    if (!file) throw std::runtime_error(std::string("memfd_create: ") + std::strerror(errno));
    check(seccomp_export_bpf(filter.get(), file.get()), "export");
    const off_t bytes = ::lseek(file.get(), 0, SEEK_END);
    _program.resize(static_cast<std::size_t>(bytes) / sizeof(sock_filter));
    if (_program.empty() || ::pread(file.get(), _program.data(), static_cast<std::size_t>(bytes), 0) != bytes)
        throw std::runtime_error("cannot read the filter of system calls");
}

bool SyscallFilter::apply() const {
    sock_fprog program{static_cast<unsigned short>(_program.size()),
                       const_cast<sock_filter*>(_program.data())};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

} // namespace usher
