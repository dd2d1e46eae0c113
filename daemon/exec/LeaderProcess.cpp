#include "exec/LeaderProcess.h"

#include "base/UniqueFd.h"
#include "domain/Errors.h"
#include "exec/Files.h"
#include "exec/LeaderLoop.h"
#include "exec/ProcessTable.h"
#include "exec/RunFolder.h"
#include "exec/ShortName.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace usher {

namespace {

constexpr int kBirthLooks = 50;
constexpr auto kBirthPause = std::chrono::milliseconds(20);

/// Whether the machine has not started again since a daemon last used this folder, whose `boot-id` says so.
bool noteBoot(const std::string& runsDir) {
    UniqueFd runs(::open(runsDir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto before = runs ? readBeneath(runs.get(), "boot-id", 100) : std::nullopt;
    if (before == bootId()) return true;
    if (!runs || !replaceFile(runs.get(), "boot-id", bootId(), 0600, true))
        throw std::runtime_error("cannot write " + runsDir + "/boot-id: " + std::strerror(errno));
    return !before; // a folder of before this file: its leaders did wait for the disk
}

} // namespace

LeaderProcess::LeaderProcess(ExecSettings settings, ExecutionListener& listener, const Clock& clock) {
    makeRunsDir(settings.runsDir);
    ShortName::sweep(settings.runsDir);
    if (settings.sandbox != "none")
        if (std::string why = whyNotReachable(settings.runsDir); !why.empty()) throw std::runtime_error(why);
    _sameBoot = noteBoot(settings.runsDir);
    _loop = std::make_unique<Loop>(std::move(settings), listener, clock);
}

LeaderProcess::~LeaderProcess() = default;

void LeaderProcess::start(const ClaimedRun& run) {
    Loop::Start start{run, {}};
    if (run.hasSecrets) {
        try {
            if (const auto& secretsOf = _loop->settings().secretsOf) start.run.secrets = secretsOf(run.jobId);
        } catch (const StorageUnavailable&) {
            start.problem = "the job's secrets could not be read: the database did not answer";
        } catch (const std::exception& error) {
            start.problem = std::string("the job's secrets could not be read: ") + error.what();
        }
        start.run.hasSecrets = !start.run.secrets.empty();
    }
    _loop->post(std::move(start));
}

Executor::Recovery LeaderProcess::recover(const ClaimedRun& run) {
    AttemptFolder folder(_loop->settings().runsDir, run.runId, run.attempt);
    // A power cut may have taken the folder of an attempt that did begin: leaders do not wait for the disk
    // before they start.
    if (!folder.begun()) return _sameBoot ? Recovery::neverStarted : Recovery::gone;
    for (int look = 0; look < kBirthLooks; ++look) {
        auto identity = folder.identity();
        bool alive = identity && identity->bootId == bootId() && isAlive(identity->pid, identity->startTicks);
        // The result last: a leader that is not alive any more will not write one after this look.
        if (alive || folder.hasResult()) {
            _loop->post(Loop::Attach{run});
            return Recovery::attached;
        }
        if (identity) return Recovery::gone;
        std::this_thread::sleep_for(
            kBirthPause); // made its folder and nothing more: just born, or dead since
    }
    return Recovery::gone;
}

void LeaderProcess::cancel(const std::string& runId) {
    _loop->post(Loop::Cancel{runId});
}

void LeaderProcess::renewLease(BootMillis until, const std::vector<HeldRun>& runs) {
    _loop->post(Loop::Lease{until, runs});
}

std::string LeaderProcess::problem() const {
    return _loop->problem();
}

std::string LeaderProcess::sandbox() const {
    return _loop->sandbox();
}

} // namespace usher
