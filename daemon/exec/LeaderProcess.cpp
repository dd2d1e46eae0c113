#include "exec/LeaderProcess.h"

#include "domain/Errors.h"
#include "exec/LeaderLoop.h"
#include "exec/ProcessTable.h"
#include "exec/RunFolder.h"
#include "exec/ShortName.h"

#include <stdexcept>
#include <thread>

namespace usher {

namespace {

constexpr int kBirthLooks = 50;
constexpr auto kBirthPause = std::chrono::milliseconds(20);

} // namespace

LeaderProcess::LeaderProcess(ExecSettings settings, ExecutionListener& listener, const Clock& clock) {
    makeRunsDir(settings.runsDir);
    ShortName::sweep(settings.runsDir);
    if (settings.sandbox != "none")
        if (std::string why = whyNotReachable(settings.runsDir); !why.empty()) throw std::runtime_error(why);
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
    if (!folder.begun()) return Recovery::neverStarted;
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

std::string LeaderProcess::sandbox() const {
    return _loop->sandbox();
}

} // namespace usher
