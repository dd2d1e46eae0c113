#include "exec/launcher/PluginHelpers.h"

#include "base/CleanProcess.h"

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
    CleanProcess helper{_program, {"usher-plugin", name, network ? "network" : "no-network"}, {socket, file}};
    // It changes its user by itself, with the privileges that it inherits from us, before it loads anything.
    if (ownUser && _uid != 0)
        helper.arguments.insert(helper.arguments.end(), {std::to_string(_uid), std::to_string(_gid)});
    return helper.start();
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
