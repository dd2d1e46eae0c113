#include "exec/LauncherLink.h"

#include "base/CleanProcess.h"
#include "exec/LeaderProcess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace usher {

using namespace std::chrono_literals;

UniqueFd spawnLauncher(const ExecSettings& settings, pid_t& pid) {
    auto [ours, theirs] = packetPair();
    CleanProcess launcher{
        settings.launcherPath,
        {"usher-launcher", "--fd", "3", "--leader", settings.leaderPath, "--runs-dir", settings.runsDir},
        {theirs.get()},
        true};
    if (!settings.configFile.empty())
        launcher.arguments.insert(launcher.arguments.end(), {"--config", settings.configFile});
    pid = launcher.start();
    if (pid < 0)
        throw std::runtime_error("cannot start " + settings.launcherPath + ": " + std::strerror(errno));
    return std::move(ours);
}

LauncherLink::LauncherLink(ExecSettings& settings)
    : _settings(settings), _connection(std::move(settings.launcher)) {}

LauncherLink::~LauncherLink() {
    _connection.reset(); // it ends by itself; the wait below is for the ones that did already
    int status;
    if (_pid > 0) ::waitpid(_pid, &status, WNOHANG);
}

void LauncherLink::connect() {
    if (_settings.launcherSocket.empty()) {
        int status;
        if (_pid > 0) ::waitpid(_pid, &status, WNOHANG);
        _connection = spawnLauncher(_settings, _pid);
    } else {
        _connection = connectPackets(_settings.launcherSocket);
        if (!_connection)
            throw std::runtime_error("cannot connect to " + _settings.launcherSocket + ": " +
                                     std::strerror(errno));
    }
}

void LauncherLink::open() {
    if (!_connection) connect();
    auto until = std::chrono::steady_clock::now() + 10s;
    while (!_greeted && _connection && std::chrono::steady_clock::now() < until) {
        pollfd one{_connection.get(), POLLIN, 0};
        ::poll(&one, 1, 100);
        receive();
    }
    if (!_greeted)
        throw std::runtime_error("usher-launcher does not answer" +
                                 (_problem.empty() ? "" : ": " + _problem));
    if (!_problem.empty()) throw std::runtime_error(_problem);
}

std::string LauncherLink::problem() const {
    return _problem.empty() ? std::string("usher-launcher does not answer") : _problem;
}

void LauncherLink::onHello(const Json& hello) {
    ++_generation;
    _greeted = true;
    _sandbox = hello.value("sandbox", "");
    _problem = hello.value("problem", "");
    std::string profile = hello.value("profile", ""), runs = hello.value("runsDir", "");
    if (_problem.empty() && profile != _settings.sandbox)
        _problem = "usher-launcher is configured for sandbox '" + profile + "', the daemon for '" +
                   _settings.sandbox + "'";
    if (_problem.empty() && runs != _settings.runsDir)
        _problem = "usher-launcher is configured for " + runs + ", the daemon for " + _settings.runsDir;
    _complained = !_problem.empty();
    if (_complained && _generation > 1 && _pid > 0 && ::geteuid() != 0)
        _problem += " (usherd has given up root since it started one: restart usherd)";
    if (!_complained) _failures = 0;
}

bool LauncherLink::request(const std::string& runId, int attempt, int parallelism, int control) {
    Json body = {{"op", "start"},
                 {"run", runId},
                 {"attempt", attempt},
                 {"profile", _settings.sandbox},
                 {"parallelism", parallelism}};
    return ready() && sendPacket(_connection.get(), body, {control});
}

std::optional<Json> LauncherLink::receive() {
    Packet packet;
    while (_connection) {
        Received what = receivePacket(_connection.get(), packet);
        if (what == Received::nothing) return std::nullopt;
        if (what == Received::closed) {
            lost("usher-launcher ended");
            return std::nullopt;
        }
        if (packet.body.value("op", "") != "hello") return std::move(packet.body);
        onHello(packet.body);
    }
    return std::nullopt;
}

void LauncherLink::lost(const std::string& why) {
    _connection.reset();
    if (_problem.empty()) _problem = why;
    _greeted = false;
    ++_generation;
    _retryAt = std::chrono::steady_clock::now() + std::chrono::milliseconds(50 << std::min(_failures++, 7));
}

void LauncherLink::tick(Instant now) {
    if (_connection && _complained) lost(_problem); // another one may be able to
    if (_connection || !_retryAt || now < *_retryAt) return;
    _retryAt.reset();
    if (!_complained) _problem.clear();
    try {
        connect();
    } catch (const std::runtime_error& error) {
        lost(error.what());
    }
}

std::optional<Instant> LauncherLink::nextTick() const {
    return _connection ? std::nullopt : _retryAt;
}

} // namespace usher
