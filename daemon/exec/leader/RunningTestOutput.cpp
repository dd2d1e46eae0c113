// What comes from a running test: its end, its output, its results.
#include "exec/leader/RunningTest.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr auto kAnnounceEvery = 20ms; // a test that writes byte by byte must not fill the disk with journal
constexpr std::int64_t kAnnounceBytes = 32 * 1024;

} // namespace

void RunningTest::onExit(int status) {
    if (_exited) return;
    _exited = true;
    _waitStatus = status;
    _exitedAt = std::chrono::steady_clock::now();
}

bool RunningTest::reaped(pid_t pid, int status) {
    if (pid == _harvestChild) {
        _harvestChild = -1;
        return true;
    }
    if (pid != _process.pid) return false;
    _process.pid = -1;
    if (_kept) {
        readVerdict();
        _keeperGone = true;
        _keeperEndedWell = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    onExit(status); // of a keeper that its test has killed: the test's signal
    return true;
}

void RunningTest::readVerdict() {
    if (!_process.verdict) return;
    int status = 0;
    ssize_t n;
    do n = ::read(_process.verdict.get(), &status, sizeof status);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) return;
    if (n == static_cast<ssize_t>(sizeof status)) onExit(status);
    _process.verdict.reset();
}

std::vector<int> RunningTest::descriptors() const {
    std::vector<int> all;
    if (_process.output) all.push_back(_process.output.get());
    if (_process.verdict) all.push_back(_process.verdict.get());
    if (_harvest && _harvest->descriptor() >= 0) all.push_back(_harvest->descriptor());
    return all;
}

void RunningTest::readable(int descriptor) {
    if (descriptor == _process.output.get()) readOutput();
    if (descriptor == _process.verdict.get()) readVerdict();
}

std::optional<Instant> RunningTest::nextLook() const {
    std::optional<Instant> next;
    auto at = [&](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) next = when;
    };
    at(_phaseDeadline);
    at(_nextKill);
    if (_phase == Phase::running) at(_killAt);
    if (_phase == Phase::running) at(_nextSample);
    if (_log && _log->readableBytes() > _announced) at(_announcedAt + kAnnounceEvery);
    return next;
}

std::size_t RunningTest::readOutput() {
    std::array<char, 65536> block;
    std::size_t came = 0;
    for (int turn = 0; turn < 16 && _process.output; ++turn) {
        ssize_t n = ::read(_process.output.get(), block.data(), block.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            _process.output.reset();
            break;
        }
        came += static_cast<std::size_t>(n);
        const std::string_view bytes{block.data(), static_cast<std::size_t>(n)};
        _mask.empty() ? keep(bytes) : keep(_mask.feed(bytes));
        flushLog(false);
    }
    return came;
}

void RunningTest::keep(std::string_view output) {
    _log->append(output);
    if (_tap) _tap->feed(output);
}

std::string RunningTest::allCases(const std::string& reported) {
    if (!_tap) return reported;
    Json cases = toJson(_tap->finish());
    _tap.reset();
    auto parsed = parseJson(reported, {.maxBytes = 64u << 20, .maxValues = 5'000'000});
    if (Json* more = std::get_if<Json>(&parsed); more && more->is_array())
        for (Json& one : *more) cases.push_back(std::move(one));
    return toText(cases);
}

std::string RunningTest::maskedCases(const std::string& casesJson) const {
    if (_mask.empty()) return casesJson;
    auto parsed = parseJson(casesJson, {.maxBytes = 64u << 20, .maxValues = 5'000'000});
    Json* cases = std::get_if<Json>(&parsed);
    if (!cases || !cases->is_array()) return "[]";
    for (Json& one : *cases)
        for (Json& field : one)
            if (field.is_string()) field = _mask.masked(field.get_ref<const std::string&>());
    return toText(*cases);
}

void RunningTest::flushLog(bool all) {
    if (!_log) return;
    auto now = std::chrono::steady_clock::now();
    std::int64_t ready = _log->readableBytes();
    if (ready > _announced &&
        (all || ready - _announced >= kAnnounceBytes || now >= _announcedAt + kAnnounceEvery)) {
        for (std::int64_t from = _announced; from < ready;) {
            // The end of a capped log comes at once; readers want pieces.
            std::int64_t length = std::min<std::int64_t>(ready - from, 4 * kAnnounceBytes);
            _attempt.journal({{"t", "log"}, {"test", _test.position}, {"off", from}, {"len", length}});
            from += length;
        }
        _announced = ready;
        _announcedAt = now;
        _attempt.tellGrew();
    }
}

} // namespace usher
