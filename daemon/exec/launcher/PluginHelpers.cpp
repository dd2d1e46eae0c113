#include "exec/launcher/PluginHelpers.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace usher {

namespace {

constexpr std::size_t kMaxHelpers = 64;

bool isName(const std::string& name) {
    return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

} // namespace

PluginHelpers::PluginHelpers(std::string program, uid_t uid, gid_t gid)
    : _program(std::move(program)), _uid(uid), _gid(gid) {}

Json PluginHelpers::start(const Json& request, const std::vector<UniqueFd>& descriptors, int connection,
                          int& handle) {
    const std::string name = request.value("name", "");
    auto refused = [&](const std::string& why) {
        return Json{{"op", "plugin-refused"}, {"name", name}, {"why", why}};
    };
    if (!isName(name) || descriptors.size() != 2) return refused("not an order for a plugin");
    if (_helpers.size() >= kMaxHelpers) return refused("too many plugins have processes of their own");
    const pid_t pid = spawn(name, request.value("network", false), request.value("ownUser", true),
                            descriptors[0].get(), descriptors[1].get());
    if (pid < 0) return refused("cannot start " + _program + ": " + std::strerror(errno));
    Helper helper{UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), connection};
    handle = helper.handle.get();
    _helpers.emplace(pid, std::move(helper));
    return {{"op", "plugin-started"}, {"name", name}, {"pid", pid}};
}

pid_t PluginHelpers::spawn(const std::string& name, bool network, bool ownUser, int socket, int file) {
    // Above 4, so that neither overwrites the other.
    UniqueFd raised[] = {UniqueFd(::fcntl(socket, F_DUPFD_CLOEXEC, 10)),
                         UniqueFd(::fcntl(file, F_DUPFD_CLOEXEC, 10))};
    if (!raised[0] || !raised[1]) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    posix_spawn_file_actions_adddup2(&actions, raised[0].get(), 3);
    posix_spawn_file_actions_adddup2(&actions, raised[1].get(), 4);
    posix_spawn_file_actions_addclosefrom_np(&actions, 5);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    std::vector<std::string> words = {"usher-plugin", name, network ? "network" : "no-network"};
    // It changes its user by itself, with the privileges that it inherits from us, before it loads anything.
    if (ownUser && _uid != 0) words.insert(words.end(), {std::to_string(_uid), std::to_string(_gid)});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* environment[] = {nullptr};
    pid_t pid = -1;
    const int error =
        ::posix_spawn(&pid, _program.c_str(), &actions, &attributes, arguments.data(), environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error ? -1 : pid;
}

void PluginHelpers::end(const Json& request) {
    const pid_t pid = request.value("pid", -1);
    if (owns(pid)) ::kill(pid, SIGKILL); // reaped when its handle says so
}

bool PluginHelpers::reap(int handle) {
    auto found = std::find_if(_helpers.begin(), _helpers.end(),
                              [&](const auto& one) { return one.second.handle.get() == handle; });
    if (found == _helpers.end()) return false;
    int status;
    ::waitpid(found->first, &status, 0);
    _helpers.erase(found);
    return true;
}

void PluginHelpers::connectionClosed(int connection) {
    for (const auto& [pid, helper] : _helpers)
        if (helper.connection == connection) ::kill(pid, SIGKILL);
}

} // namespace usher
