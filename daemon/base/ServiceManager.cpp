#include "base/ServiceManager.h"

#include "base/Text.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace usher {

namespace {

constexpr int kFirstSocket = 3;

std::string takeVariable(const char* name) {
    const char* value = ::getenv(name);
    std::string text = value ? value : "";
    ::unsetenv(name);
    return text;
}

/// Absent, or this process.
bool isForUs(const std::string& pid) {
    return pid.empty() || parseInteger(pid).value_or(-1) == ::getpid();
}

} // namespace

ServiceManager::ServiceManager() : _address(takeVariable("NOTIFY_SOCKET")) {
    std::string period = takeVariable("WATCHDOG_USEC");
    auto microseconds = parseInteger(period);
    if (isForUs(takeVariable("WATCHDOG_PID")) && microseconds && *microseconds > 0 && !_address.empty())
        _watchdog = std::chrono::microseconds(*microseconds);
    std::string count = takeVariable("LISTEN_FDS"), pid = takeVariable("LISTEN_PID");
    takeVariable("LISTEN_FDNAMES");
    if (!pid.empty() && isForUs(pid)) _sockets = static_cast<int>(parseInteger(count).value_or(0));
    for (int i = 0; i < _sockets && i < 1024; ++i) ::fcntl(kFirstSocket + i, F_SETFD, FD_CLOEXEC);
}

void ServiceManager::startTakes(std::chrono::seconds time) {
    send("EXTEND_TIMEOUT_USEC=" + std::to_string(std::chrono::microseconds(time).count()));
}

void ServiceManager::ready() {
    send("READY=1");
}

void ServiceManager::reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    send("RELOADING=1\nMONOTONIC_USEC=" +
         std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceManager::stopping() {
    send("STOPPING=1");
}

void ServiceManager::alive() {
    send("WATCHDOG=1");
}

std::optional<UniqueFd> ServiceManager::takeListener() {
    if (_sockets == 0) return std::nullopt;
    if (_sockets != 1)
        throw std::runtime_error("the service manager passes " + std::to_string(_sockets) +
                                 " sockets; usherd listens on one: leave one ListenStream in usherd.socket");
    _sockets = 0;
    return UniqueFd(kFirstSocket);
}

void ServiceManager::send(const std::string& text) {
    sockaddr_un address{};
    if (_address.empty() || _address.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, _address.data(), _address.size());
    if (_address[0] == '@') address.sun_path[0] = '\0'; // an abstract name
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + _address.size());
    if (fd)
        ::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

} // namespace usher
