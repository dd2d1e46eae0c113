#include "exec/AttemptFolder.h"

#include "base/Uuid.h"
#include "exec/Files.h"
#include "exec/Journal.h"
#include "exec/Wire.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace usher {

AttemptFolder::AttemptFolder(std::string runsDir, std::string runId, int attempt)
    : _runsDir(std::move(runsDir)), _runId(std::move(runId)), _attempt(attempt) {}

UniqueFd AttemptFolder::openRun() const {
    auto uuid = parseUuid(_runId);
    UniqueFd runs(::open(_runsDir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return uuid && *uuid == _runId && runs ? openBeneath(runs.get(), _runId, O_RDONLY | O_DIRECTORY)
                                           : UniqueFd();
}

int AttemptFolder::descriptor() const {
    if (_folder) return _folder.get();
    if (UniqueFd run = openRun())
        _folder = openBeneath(run.get(), attemptFolder(_attempt), O_RDONLY | O_DIRECTORY);
    return _folder.get();
}

void AttemptFolder::prepare() const {
    auto uuid = parseUuid(_runId);
    if (!uuid || *uuid != _runId || _attempt < 1) throw std::runtime_error("not the id of a run: " + _runId);
    UniqueFd runs(::open(_runsDir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!runs || !makeFolder(runs.get(), _runId, 0711))
        throw std::runtime_error("cannot make " + _runsDir + "/" + _runId + ": " + std::strerror(errno));
}

bool AttemptFolder::begun() const {
    return descriptor() >= 0;
}

std::optional<LeaderIdentity> AttemptFolder::identity() const {
    const int folder = descriptor();
    const auto first = folder >= 0 ? JournalLines::read(folder, 0, 1) : std::vector<JournalLines::Line>{};
    return first.empty() ? std::nullopt : identityFrom(first.front().entry);
}

bool AttemptFolder::hasResult() const {
    const int folder = descriptor();
    const auto last = folder >= 0 ? JournalLines::last(folder) : std::nullopt;
    return last && last->value("t", "") == "end";
}

std::optional<RunOutcome> AttemptFolder::resultIn(const Json& end) const {
    if (auto outcome = end.find("outcome"); outcome != end.end()) return outcomeFrom(*outcome);
    const auto text = readWritten(descriptor(), "result.json");
    return text ? std::optional(outcomeFromJson(*text)) : std::nullopt;
}

std::optional<RunTest> AttemptFolder::testResult(int position) const {
    const int folder = descriptor();
    const auto text =
        folder >= 0 ? readWritten(folder, "result-" + std::to_string(position) + ".json") : std::nullopt;
    if (!text) return std::nullopt;
    auto json = parseJson(*text, {.maxBytes = 64u << 20});
    const Json* test = std::get_if<Json>(&json);
    return test ? std::optional(runTestFrom(*test)) : std::nullopt;
}

UniqueFd AttemptFolder::connect() const {
    const int folder = descriptor();
    // By descriptor: the folder's own path may be longer than a socket's name may be.
    return folder >= 0 ? connectPackets("/proc/self/fd/" + std::to_string(folder) + "/control.sock")
                       : UniqueFd();
}

} // namespace usher
