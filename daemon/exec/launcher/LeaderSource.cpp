#include "exec/launcher/LeaderSource.h"

#include "base/CleanProcess.h"
#include "exec/Files.h"
#include "exec/Wire.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace usher {

namespace {

constexpr int kAnswerWithinMs = 5000;
constexpr char kTitle[] = "(waits for runs)";

/// A file in memory with this text, read from its start.
UniqueFd textFile(const std::string& text) {
    UniqueFd fd(::memfd_create("exec-config", MFD_CLOEXEC));
    if (fd && (!writeAll(fd.get(), text) || ::lseek(fd.get(), 0, SEEK_SET) != 0)) fd.reset();
    return fd;
}

} // namespace

LeaderSource::LeaderSource(std::string program, const ExecConfig& config)
    : _program(std::move(program)), _config(config) {}

bool LeaderSource::same(const Version& a, const Version& b) {
    return a.device == b.device && a.number == b.number && a.written.tv_sec == b.written.tv_sec &&
           a.written.tv_nsec == b.written.tv_nsec;
}

void LeaderSource::end() {
    _connection.reset();
    if (_server < 0) return;
    ::kill(_server, SIGKILL); // it holds nothing, and its children are ours
    ::waitpid(std::exchange(_server, -1), nullptr, 0);
}

bool LeaderSource::ready() {
    struct stat st {};
    if (::stat(_program.c_str(), &st) != 0) return false;
    const Version now{st.st_dev, st.st_ino, st.st_mtim};
    if (_connection && same(now, _version)) return true;
    end();
    auto [ours, theirs] = packetPair();
    const UniqueFd config = textFile(toText(toJson(_config)));
    if (!config) return false;
    // Room for the titles of the leaders.
    std::string title = kTitle;
    title.resize(longestTitle(_config.runsDir), ' ');
    _server = CleanProcess{_program, {"usher-leader", title}, {theirs.get(), config.get()}}.start();
    if (_server < 0) return false;
    _connection = std::move(ours);
    _version = now;
    return true;
}

void LeaderSource::prepare() {
    ready();
}

pid_t LeaderSource::start(const LeaderOrder& order, int folder, int control, int claim) {
    Json body = toJson(order);
    body["control"] = control >= 0;
    body["claim"] = claim >= 0;
    auto send = [&] {
        if (control >= 0 && claim >= 0) return sendPacket(_connection.get(), body, {folder, control, claim});
        if (control >= 0) return sendPacket(_connection.get(), body, {folder, control});
        if (claim >= 0) return sendPacket(_connection.get(), body, {folder, claim});
        return sendPacket(_connection.get(), body, {folder});
    };
    if (!ready()) return -1;
    if (!send()) { // it died since the last time; nothing was taken
        end();
        if (!ready() || !send()) return -1;
    }
    Packet answer;
    pollfd waits{_connection.get(), POLLIN, 0};
    while (::poll(&waits, 1, kAnswerWithinMs) < 0 && errno == EINTR) {
    }
    if (receivePacket(_connection.get(), answer) != Received::packet) {
        end();
        errno = EPIPE;
        return -1;
    }
    errno = answer.body.value("errno", 0);
    return answer.body.value("pid", -1);
}

} // namespace usher
