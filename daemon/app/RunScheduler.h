#pragma once

#include "app/QueueGauge.h"
#include "app/RetryPolicy.h"
#include "app/RunFeed.h"
#include "base/Mutex.h"
#include "domain/Executor.h"
#include "domain/RunStore.h"

#include <Poco/Logger.h>

#include <atomic>
#include <deque>
#include <map>
#include <thread>
#include <variant>

namespace usher {

/// DESIGN. Claims queued runs for this node, hands them to the executor, and stores how they went. One thread
/// does all three, so that the steps of a run reach the database in the order in which they happened. What
/// the executor reports waits in a queue; while the database is away it stays there and is stored when the
/// database is back. start(), stop() [main]; everything else [any-thread]. The executor calls the
/// ExecutionListener part.
class RunScheduler final : public ExecutionListener {
public:
    struct Settings {
        std::string nodeId;
        int capacity = 2; ///< runs at once; 0: this node claims nothing
        std::chrono::seconds lease{60};
        bool leases = false;                  ///< claims only under a lease that leaseRenewed() gave
        std::chrono::milliseconds poll{1000}; ///< how long another node's trigger may go unnoticed
    };

    RunScheduler(Settings settings, RunStore& store, RunFeed& feed, QueueGauge& gauge, const Clock& clock,
                 Poco::Logger& logger);
    ~RunScheduler() override { stop(); }

    /// Finds again what this node was running before a restart, then begins to claim.
    void start(Executor& executor);
    /// No new claims; stores what was reported; leaders go on without us.
    void stop();
    /// There may be something to claim.
    void wake();
    /// Somebody asked to cancel this run; nothing happens when it does not run here.
    void cancel(const std::string& runId);
    /// No new claims while it is so: the operator's word, which every beat brings again.
    void setDraining(bool draining);
    /// No new claims any more: stop() is to follow.
    void stopClaiming() { _claiming = false; }
    /// A beat was committed: what we claim from now on, and those of these runs that our leaders lead, may go
    /// on until then (CLOCK_BOOTTIME).
    void leaseRenewed(BootMillis until, const std::vector<HeldRun>& held);
    /// Runs that were taken from a lost node: tells who watches them, and looks for work.
    void taken(const std::vector<TakenRun>& runs);
    /// Counts up while our thread turns, busy or not.
    std::uint64_t turns() const { return _turns.load(std::memory_order_relaxed); }

    void started(const ClaimedRun&, const std::string& sandbox, Micros at) override;
    void testChanged(const ClaimedRun&, const RunTest&) override;
    void journalGrew(const std::string& runId) override;
    void finished(const ClaimedRun&, RunOutcome) override;
    void vanished(const ClaimedRun&, const std::string& why) override;

private:
    struct Started {
        ClaimedRun run;
        std::string sandbox;
        Micros at;
    };
    struct TestChanged {
        ClaimedRun run;
        RunTest test;
    };
    struct Finished {
        ClaimedRun run;
        RunOutcome outcome;
    };
    struct Vanished {
        ClaimedRun run;
        std::string why;
    };
    using Told = std::variant<Started, TestChanged, Finished, Vanished>;
    struct Report {
        Told told;
        Instant at;
        const ClaimedRun& run() const;
        bool isEnd() const;
    };
    using Reports = std::deque<Report>;

    void run();
    void recover();
    /// The ends first: what came before an end is stored with it. Other steps at once when this node has room
    /// for more runs; else only when they have waited a little, or `all` are wanted.
    void store(Reports& reports, bool all);
    /// False: no end is among them.
    bool storeEnd(Reports& reports);
    void storeStep(const Report& step);
    void storeStepsOf(const ClaimedRun& run, Reports& reports);
    /// The end at `first` and the others that are not to be tried again, in one transaction.
    void storeFinished(Reports& reports, std::size_t first);
    void giveUp(const Vanished& vanished);
    /// True: the attempt failed, and the run is queued for another one.
    bool tryRetry(const Finished& finished);
    void noteLastRuns(bool now);
    bool isFull() const { return static_cast<int>(_held.size()) >= _settings.capacity; }
    void claim();
    bool canStart();
    /// Whose end was asked for, on whatever node; and those that were deleted with their job.
    void endUnwanted();
    void report(Told told);

    const Settings _settings;
    RunStore& _store;
    RunFeed& _feed;
    QueueGauge& _gauge;
    const Clock& _clock;
    Poco::Logger& _logger;
    /// Set by start(): the executor reports to us, so one must come first. Requests may come before that.
    std::atomic<Executor*> _executor{nullptr};
    std::atomic<bool> _draining{false};
    std::atomic<bool> _claiming{true};
    std::atomic<BootMillis> _leaseUntil{0};
    /// [scheduler] By run and attempt: a node that slept for longer than its lease may claim the next attempt
    /// of a run that was taken from it before its leader has ended the one before.
    std::map<std::string, ClaimedRun> _held;
    std::string _problem;                    ///< [scheduler] the executor's, as logged
    RetryPolicy _retries;                    ///< [scheduler]
    std::map<std::string, Micros> _lastRuns; ///< [scheduler] by job; not stored yet
    Instant _lastRunsNoted{};                ///< [scheduler]

    Mutex _mutex;
    Condition _changed;
    Reports _reports GUARDED_BY(_mutex);
    bool _woken GUARDED_BY(_mutex) = false;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::atomic<std::uint64_t> _turns{0};
    std::thread _thread;
};

} // namespace usher
