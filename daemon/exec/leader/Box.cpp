#include "exec/leader/Box.h"

#include "exec/Files.h"
#include "exec/Remains.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace usher {

namespace {

/// What a kept box has: all that a run of one test needs.
constexpr const char* kKept[] = {"work", "artifacts-0", "results-0"};

bool isKept(const std::string& name) {
    return std::find(std::begin(kKept), std::end(kKept), name) != std::end(kKept);
}

} // namespace

Box::Box(int attemptFolder, std::string attemptPath, std::vector<TestUser> users, const std::string& runsDir)
    : _attempt(attemptFolder), _path(std::move(attemptPath) + "/box"), _users(std::move(users)) {
    if (_users.size() == 1 && !runsDir.empty()) _spare = runsDir + "/spare-" + std::to_string(_users[0].uid);
}

bool Box::takeSpare() {
    if (_spare.empty() || ::renameat(AT_FDCWD, _spare.c_str(), _attempt, "box") != 0) return false;
    _folder = openBeneath(_attempt, "box", O_RDONLY | O_DIRECTORY);
    struct stat st {};
    _wasSpare = _folder && ::fstat(_folder.get(), &st) == 0 && st.st_uid == ::geteuid() &&
                st.st_gid == _users[0].runGroup && (st.st_mode & 07777) == 0750;
    if (_wasSpare) return true;
    _folder.reset();
    removeTree(_attempt, "box", 30);
    return false;
}

bool Box::empty(const std::string& name) {
    UniqueFd inside = openBeneath(_folder.get(), name, O_RDONLY | O_DIRECTORY);
    if (!inside) return false;
    bool clean = true;
    for (const std::string& left : namesIn(inside.get())) clean = removeTree(inside.get(), left, 20) && clean;
    return clean;
}

bool Box::keepAsSpare() {
    if (_spare.empty()) return false;
    for (int round = 0; round < 2; ++round) {
        bool clean = true;
        for (const char* name : kKept) clean = empty(name) && clean;
        for (const std::string& name : namesIn(_folder.get()))
            if (!isKept(name)) clean = removeTree(_folder.get(), name, 20) && clean;
        if (clean) return ::renameat(_attempt, "box", AT_FDCWD, _spare.c_str()) == 0;
        if (round == 0) emptyAsUser(_folder.get(), _users[0]);
    }
    return false;
}

std::optional<gid_t> Box::runGroup() const {
    return _users.empty() ? std::nullopt : std::optional(_users[0].runGroup);
}

bool Box::create(std::string& problem) {
    if (takeSpare()) return true;
    if (::mkdirat(_attempt, "box", 0700) == 0) _folder = openBeneath(_attempt, "box", O_RDONLY | O_DIRECTORY);
    if (!_folder) {
        problem = "cannot make " + _path + ": " + std::strerror(errno);
        return false;
    }
    return giveToGroup(_folder.get(), runGroup(), runGroup() ? 0750 : 0700, _path, problem) &&
           makeShared("work", runGroup(), problem) && (!_users.empty() || makeShared("tmp", {}, problem));
}

bool Box::makeShared(const std::string& name, std::optional<gid_t> group, std::string& problem) {
    if (_wasSpare && isKept(name)) return true;
    UniqueFd fd;
    if (::mkdirat(_folder.get(), name.c_str(), 0700) == 0)
        fd = openBeneath(_folder.get(), name, O_RDONLY | O_DIRECTORY);
    if (!fd) {
        problem = "cannot make " + path(name) + ": " + std::strerror(errno);
        return false;
    }
    return giveToGroup(fd.get(), group, group ? 03770 : 0700, path(name), problem);
}

bool Box::makeTestFolders(int position, std::optional<TestUser> user, std::string& problem) {
    const auto group = user ? std::optional(static_cast<gid_t>(user->uid)) : std::nullopt;
    return makeShared("artifacts-" + std::to_string(position), group, problem) &&
           makeShared("results-" + std::to_string(position), group, problem);
}

bool Box::writeScript(const std::string& name, std::string_view text, std::string& problem) {
    UniqueFd fd = openBeneath(_folder.get(), "work/" + name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd && writeAll(fd.get(), text))
        return giveToGroup(fd.get(), runGroup(), runGroup() ? 0640 : 0600, path("work/" + name), problem);
    problem = "cannot write " + path("work/" + name) + ": " + std::strerror(errno);
    return false;
}

bool Box::isEmpty(const std::string& inside) const {
    UniqueFd fd = openBeneath(_folder.get(), inside, O_RDONLY | O_DIRECTORY);
    return !fd || namesIn(fd.get()).empty();
}

bool Box::remove() {
    if (!_folder) return true;
    if (keepAsSpare()) return true;
    // Most tests leave nothing: then no process is needed to clean up behind another uid.
    if (removeTree(_attempt, "box", 30)) return true;
    if (_users.empty()) return false;
    // Twice: what one user left in another's folder keeps that one from going in the first round.
    for (int round = 0; round < 2; ++round) {
        for (const TestUser& user : _users) emptyAsUser(_folder.get(), user);
        if (removeTree(_attempt, "box", 30)) return true;
        if (_users.size() == 1) return false;
    }
    return false;
}

} // namespace usher
