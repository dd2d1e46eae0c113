#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"
#include "base/UniqueFd.h"
#include "domain/Executor.h"
#include "exec/AttemptFolder.h"
#include "exec/LauncherLink.h"
#include "exec/LeaderProcess.h"

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace usher {

// DESIGN. One thread, one epoll set: the launcher, a wake-up, and a control connection for each run. Other
// threads only queue commands. A run here is
//   waiting   → not asked for yet: no launcher, or no free uid; tried again at `nextAt`
//   asked     → the launcher has the leader's end of the connection
//   following → a leader said hello: its journal is read whenever it says so
//   lost      → the connection ended: the folder tells what became of it; looked at again at `nextAt`
// All knowledge comes from the attempt's folder, so it does not matter how often a message or a daemon was
// lost.

/// The working part of LeaderProcess. start(), attach() and cancel() [any-thread]; the listener is called on
/// the loop's thread.
class LeaderProcess::Loop {
public:
    Loop(ExecSettings settings, ExecutionListener& listener, const Clock& clock);
    ~Loop();

    struct Start {
        ClaimedRun run;
        std::string problem; ///< why it cannot be started; the listener hears of it like of any other end
    };
    struct Attach {
        ClaimedRun run;
    };
    struct Cancel {
        std::string runId;
    };
    struct Lease {
        BootMillis until;
        std::vector<HeldRun> runs;
    };
    using Command = std::variant<Start, Attach, Cancel, Lease>;
    void post(Command command) EXCLUDES(_mutex);
    const ExecSettings& settings() const { return _settings; }
    std::string sandbox() const { return _sandbox; }
    std::string problem() const EXCLUDES(_mutex);

private:
    enum class State { waiting, asked, following, lost };
    struct Followed {
        Followed(ClaimedRun r, const std::string& runsDir)
            : run(std::move(r)), folder(runsDir, run.runId, run.attempt) {}
        ClaimedRun run;
        AttemptFolder folder;
        State state = State::waiting;
        UniqueFd control;
        std::int64_t journalOffset = 0;
        bool started = false;
        bool cancelled = false;
        int asks = 0;
        int generation = 0; ///< of the launcher that was asked
        std::optional<Instant> nextAt;
        Instant since;
        std::string leaderProblem;
        int lastResult = -1;     ///< the position of the test whose result comes with the end
        std::optional<Json> end; ///< the journal's last line, which says how it ended
    };

    void work();
    void takeCommands();
    void onStart(Start start);
    void onAttach(ClaimedRun run);
    void onCancel(const std::string& runId);
    void onLease(const Lease& lease);
    void onLauncher();
    void onControl(Followed& one);
    /// Each returns false when the run has ended and is no longer followed.
    bool ask(Followed& one);
    bool readJournal(Followed& one);
    bool settle(Followed& one);
    void tick();
    void noteProblem() EXCLUDES(_mutex);
    int untilNext() const;

    /// Null when it is followed already.
    Followed* add(ClaimedRun run);
    void watch(int fd);
    /// What a leader must know that may have changed since its order was written.
    static void brief(const Followed& one);
    void finish(Followed& one, RunOutcome outcome);
    void finishWithout(Followed& one, RunStatus status, const std::string& why);
    void vanish(Followed& one, const std::string& why);
    void later(Followed& one, State state, std::chrono::milliseconds delay);

    ExecSettings _settings;
    ExecutionListener& _listener;
    const Clock& _clock;
    LauncherLink _launcher;
    std::string _sandbox;
    UniqueFd _epoll, _wake;
    int _watchedLauncher = -1;
    /// Run and attempt: of a run that was taken from this node while it slept, the next attempt may be here
    /// before the one before has ended.
    using Name = std::pair<std::string, int>;
    static Name nameOf(const ClaimedRun& run) { return {run.runId, run.attempt}; }
    std::map<Name, Followed> _runs; ///< loop thread only

    std::string _noted; ///< _problem; loop thread only

    mutable Mutex _mutex;
    std::string _problem GUARDED_BY(_mutex);
    std::vector<Command> _commands GUARDED_BY(_mutex);
    bool _stop GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
