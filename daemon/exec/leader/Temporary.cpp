#include "exec/leader/Temporary.h"

#include "exec/Files.h"
#include "exec/Remains.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace usher {

namespace {

constexpr mode_t kEntered = 0750, kShared = 03770;

bool isOurs(int fd, gid_t group, mode_t mode) {
    struct stat st {};
    return ::fstat(fd, &st) == 0 && st.st_uid == ::geteuid() && st.st_gid == group &&
           (st.st_mode & 07777) == mode;
}

} // namespace

Temporary::Temporary(std::string runsDir, std::vector<TestUser> users, std::string inBox)
    : _runsDir(std::move(runsDir)), _users(std::move(users)), _path(std::move(inBox)) {
    if (_users.empty()) {
        _name = std::make_unique<ShortName>(_runsDir, _path);
        _path = _name->path();
    } else {
        _path = kept() + "/tmp";
    }
}

bool Temporary::create(std::string& problem) {
    if (_users.empty()) return true;
    if (open() && namesIn(_folder.get()).empty()) return true;
    // None yet, or one that a power cut left: its user's processes are gone, as the user was given to us.
    removeKept();
    return make(problem);
}

bool Temporary::open() {
    const gid_t group = _users[0].runGroup;
    _kept.reset(::open(kept().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    _folder = _kept ? openBeneath(_kept.get(), "tmp", O_RDONLY | O_DIRECTORY) : UniqueFd();
    return _folder && isOurs(_kept.get(), group, kEntered) && isOurs(_folder.get(), group, kShared);
}

bool Temporary::make(std::string& problem) {
    const gid_t group = _users[0].runGroup;
    if (::mkdir(kept().c_str(), 0700) == 0)
        _kept.reset(::open(kept().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (_kept && ::mkdirat(_kept.get(), "tmp", 0700) == 0)
        _folder = openBeneath(_kept.get(), "tmp", O_RDONLY | O_DIRECTORY);
    if (!_folder) {
        problem = "cannot make " + _path + ": " + std::strerror(errno);
        return false;
    }
    return giveToGroup(_folder.get(), group, kShared, _path, problem) &&
           giveToGroup(_kept.get(), group, kEntered, kept(), problem);
}

void Temporary::removeKept() {
    if (_kept)
        for (const TestUser& user : _users) emptyAsUser(_kept.get(), user);
    _kept.reset();
    _folder.reset();
    if (removeTree(AT_FDCWD, kept(), 30)) return;
    // Of a user who is not with us, after a power cut in a run of several: out of the way, or no run of ours
    // could start.
    const std::string aside = kept() + "-left-" + std::to_string(::getpid());
    [[maybe_unused]] const int moved = ::rename(kept().c_str(), aside.c_str());
}

bool Temporary::clear() {
    if (!_folder) {
        _name.reset();
        return true;
    }
    // Twice: what one user left in another's folder keeps that one from going in the first round. Most runs
    // leave nothing, and need no process that cleans up behind another user.
    for (int round = 0; round < 3; ++round) {
        bool clean = true;
        for (const std::string& left : namesIn(_folder.get()))
            clean = removeTree(_folder.get(), left, 20) && clean;
        if (clean) return true;
        if (round < 2)
            for (const TestUser& user : _users) emptyAsUser(_kept.get(), user);
    }
    return false;
}

} // namespace usher
