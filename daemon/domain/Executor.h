#pragma once

#include "domain/Run.h"
#include "domain/RunStore.h"

#include <functional>
#include <memory>
#include <string>

namespace usher {

/// Told by the executor how a run goes. Called on the executor's own thread; must not block for long.
class ExecutionListener {
public:
    virtual ~ExecutionListener() = default;
    virtual void started(const ClaimedRun&, const std::string& sandbox, Micros at) = 0;
    virtual void testChanged(const ClaimedRun&, const RunTest&) = 0;
    /// There is something new to read in the run's journal: wake who streams it.
    virtual void journalGrew(const std::string& runId) = 0;
    /// The last call for this run. Files are complete and synced.
    virtual void finished(const ClaimedRun&, RunOutcome) = 0;
    /// The attempt's leader is gone without a result (killed, power cut).
    virtual void vanished(const ClaimedRun&, const std::string& why) = 0;
};

/// Runs a claimed run outside the daemon. [any-thread] for all calls.
class Executor {
public:
    enum class Recovery {
        attached,     ///< still running, or ended with a result: the listener will hear of it
        neverStarted, ///< no leader ever began this attempt: it may be started
        gone          ///< began and left no result
    };

    virtual ~Executor() = default;
    /// Writes the run's folder and asks for a leader. Every failure is reported through the listener.
    virtual void start(const ClaimedRun&) = 0;
    /// After a restart of the daemon: find the leader of a run by identity, not by luck.
    virtual Recovery recover(const ClaimedRun&) = 0;
    /// TERM, grace, KILL. The listener hears `finished` with status cancelled. Unknown ids are ignored.
    virtual void cancel(const std::string& runId) = 0;
    /// The leaders of these attempts may go on until then (CLOCK_BOOTTIME); of others nothing changes, and
    /// they end their runs by what they know.
    virtual void renewLease(BootMillis /*until*/, const std::vector<HeldRun>& /*runs*/) {}
    /// Why no run can be started, for people; empty: runs can be. Nothing should be claimed meanwhile.
    virtual std::string problem() const { return {}; }
    /// What is in force on this machine: "none", "basic (rlimits)", …
    virtual std::string sandbox() const = 0;
};

/// Read access to what runs wrote. [any-thread]; safe while the leader writes.
class RunFiles {
public:
    struct LogSlice {
        std::string text;
        std::int64_t totalBytes = 0; ///< size of the kept log now
    };
    struct JournalEntry {
        std::string id;   ///< "attempt-offset": what Last-Event-ID carries
        std::string type; ///< state, log, result
        std::string data; ///< one line of JSON
    };
    struct Artifact {
        std::string path; ///< relative, UTF-8, never leaves the run's folder
        std::int64_t bytes = 0;
    };

    virtual ~RunFiles() = default;
    /// Nothing when the run has no such test log (yet).
    virtual std::optional<LogSlice> readLog(const std::string& runId, int attempt, int test,
                                            std::int64_t offset, std::size_t maxBytes) = 0;
    /// Entries after `afterId` (empty: from the start), at most about `maxBytes`. A log entry carries its
    /// text.
    virtual std::vector<JournalEntry> readJournal(const std::string& runId, int attempt,
                                                  const std::string& afterId, std::size_t maxBytes) = 0;
    virtual std::vector<Artifact> listArtifacts(const std::string& runId, int attempt) = 0;
    /// A read-only descriptor, or -1 when there is no such regular file below the run's artifacts.
    virtual int openArtifact(const std::string& runId, int attempt, const std::string& path) = 0;
    /// Removes the run's whole folder.
    virtual void remove(const std::string& runId) = 0;
    /// The ids of all runs that have a folder here.
    virtual std::vector<std::string> listRuns() = 0;
    /// remove() of a run that is no more, unless it is at work here or began a moment ago: then false. A
    /// leader that no daemon follows is told to end.
    virtual bool tryDiscard(const std::string& runId) = 0;
};

} // namespace usher
