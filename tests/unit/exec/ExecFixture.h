#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"
#include "base/Uuid.h"
#include "exec/LeaderProcess.h"
#include "exec/RunFolder.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace usher::test {

/// Writes down what it is told; tests wait for it. [any-thread]
class RecordingListener : public ExecutionListener {
public:
    void started(const ClaimedRun& run, const std::string& sandbox, Micros at) override;
    void testChanged(const ClaimedRun& run, const RunTest& test) override;
    void journalGrew(const std::string& runId) override;
    void finished(const ClaimedRun& run, RunOutcome outcome) override;
    void vanished(const ClaimedRun& run, const std::string& why) override;

    /// Fails the test after `seconds`.
    RunOutcome waitFinished(const std::string& runId, int seconds = 60);
    std::string waitVanished(const std::string& runId);
    /// Until it finished or vanished.
    void waitEnded(const std::string& runId);
    void waitStarted(const std::string& runId);
    int finishes(const std::string& runId);
    std::vector<RunTest> changes(const std::string& runId);
    std::string sandboxOf(const std::string& runId);

private:
    template <class Ready>
    void wait(int seconds, const char* what, Ready ready);

    Mutex _mutex;
    Condition _changed;
    std::map<std::string, std::vector<RunOutcome>> _finished GUARDED_BY(_mutex);
    std::map<std::string, std::string> _vanished GUARDED_BY(_mutex);
    std::map<std::string, std::string> _started GUARDED_BY(_mutex);
    std::map<std::string, std::vector<RunTest>> _changes GUARDED_BY(_mutex);
};

/// A state folder, a configuration and an executor on them.
class Host {
public:
    /// `config` goes into section [exec]. Folder and files belong to who runs the test.
    explicit Host(const std::string& config = "", std::string sandbox = "");
    ~Host();

    /// A new executor on the same folder, as a restarted daemon has it.
    void restart();
    void stop() { executor.reset(); }

    ClaimedRun job(std::vector<std::string> scripts, const std::string& type = "shell") const;
    /// Starts it and waits for its end.
    RunOutcome run(const ClaimedRun& job);
    RunOutcome run(const std::string& script) { return run(job({script})); }
    std::string log(const std::string& runId, int test = 0, int attempt = 1);
    std::string attemptPath(const ClaimedRun& run) const;
    /// Creates the file `go` in the run's folder of work, for which its script waits.
    void letGo(const ClaimedRun& run) const;
    ExecSettings settings() const;
    bool hasResult(const ClaimedRun& run) const;
    /// The leader's pid; waits until there is one.
    pid_t leaderOf(const ClaimedRun& run) const;

    std::string root;
    std::string leaderPath; ///< another than the built one; for the next executor
    RecordingListener listener;
    SystemClock clock;
    std::unique_ptr<LeaderProcess> executor;
    std::unique_ptr<RunFolder> files;

private:
    std::string _sandbox;
};

/// Until `ready`, at most `seconds`; false when it never was.
template <class Ready>
bool eventually(Ready ready, int seconds = 20) {
    for (int i = 0; i < seconds * 100; ++i) {
        if (ready()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return ready();
}

/// Living processes whose command line contains `text`.
std::vector<pid_t> processesWith(const std::string& text);
std::string read(const std::string& path);
bool isRoot();

} // namespace usher::test
