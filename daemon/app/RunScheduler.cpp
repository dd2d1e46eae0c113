#include "app/RunScheduler.h"

#include "domain/Errors.h"

#include <algorithm>
#include <random>

namespace usher {

namespace {

/// With less than this left, a run that we claim would hardly begin before its leader must end it.
constexpr BootMillis kLeaseToClaim = 8000;

std::string shortId(const std::string& id) {
    return id.substr(0, 13);
}

std::string describe(const RunOutcome& outcome) {
    std::string text(toText(outcome.status));
    if (outcome.exitCode) text += " exit=" + std::to_string(*outcome.exitCode);
    if (outcome.signal) text += " signal=" + std::to_string(*outcome.signal);
    return text + " took=" + std::to_string((outcome.completedAt - outcome.startedAt) / 1000) + "ms";
}

} // namespace

RunScheduler::RunScheduler(Settings settings, RunStore& store, RunFeed& feed, QueueGauge& gauge,
                           const Clock& clock, Poco::Logger& logger)
    : _settings(std::move(settings)), _store(store), _feed(feed), _gauge(gauge), _clock(clock),
      _logger(logger) {}

void RunScheduler::start(Executor& executor) {
    _executor = &executor;
    _thread = std::thread([this] { run(); });
}

void RunScheduler::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

void RunScheduler::wake() {
    {
        Lock lock(_mutex);
        if (_woken) return;
        _woken = true;
    }
    _changed.notifyOne();
}

void RunScheduler::cancel(const std::string& runId) {
    if (Executor* executor = _executor) executor->cancel(runId);
}

void RunScheduler::setDraining(bool draining) {
    if (_draining.exchange(draining) == draining) return;
    _logger.information(draining ? "draining: no new claims" : "no longer draining");
    wake();
}

void RunScheduler::leaseRenewed(BootMillis until, const std::vector<HeldRun>& held) {
    _leaseUntil = until;
    if (Executor* executor = _executor) executor->renewLease(until, held);
}

void RunScheduler::taken(const std::vector<TakenRun>& runs) {
    for (const TakenRun& run : runs)
        _feed.stateChanged(run.runId, run.status,
                           run.status == RunStatus::queued ? run.attempt + 1 : run.attempt);
    wake();
}

void RunScheduler::report(Report report) {
    {
        Lock lock(_mutex);
        _reports.push_back(std::move(report));
    }
    _changed.notifyOne();
}

void RunScheduler::started(const ClaimedRun& run, const std::string& sandbox, Micros at) {
    _feed.stateChanged(run.runId, RunStatus::running, run.attempt);
    report(Started{run, sandbox, at});
}

void RunScheduler::testChanged(const ClaimedRun& run, const RunTest& test) {
    report(TestChanged{run, test});
}
void RunScheduler::journalGrew(const std::string& runId) {
    _feed.journalGrew(runId);
}
void RunScheduler::finished(const ClaimedRun& run, RunOutcome outcome) {
    report(Finished{run, std::move(outcome)});
}
void RunScheduler::vanished(const ClaimedRun& run, const std::string& why) {
    report(Vanished{run, why});
}

void RunScheduler::release(const std::string& runId) {
    _held.erase(runId);
}

void RunScheduler::run() {
    std::minstd_rand random{std::random_device{}()};
    bool recovered = false;
    std::deque<Report> reports; // what is not stored yet
    Instant nextPoll{};
    auto backoff = std::chrono::milliseconds(0);
    while (true) {
        _turns.fetch_add(1, std::memory_order_relaxed);
        bool stopping = false;
        {
            Lock lock(_mutex);
            while (_reports.empty() && !_woken && !_stopping && _clock.instant() < nextPoll)
                _changed.waitUntil(lock, nextPoll);
            if (backoff.count() > 0 && !_stopping) { // the database is away: do not spin on it
                Instant until = _clock.instant() + backoff;
                while (!_stopping && _clock.instant() < until) _changed.waitUntil(lock, until);
            }
            std::move(_reports.begin(), _reports.end(), std::back_inserter(reports));
            _reports.clear();
            _woken = false;
            stopping = _stopping;
        }
        try {
            if (!recovered && !stopping) {
                recover();
                recovered = true;
            }
            store(reports);
            if (stopping) return;
            claim();
            if (_clock.instant() >= nextPoll) pollCancels();
            backoff = std::chrono::milliseconds(0);
        } catch (const StorageUnavailable& error) {
            _logger.warning("scheduler waits for the database: " + std::string(error.what()));
            backoff = std::min(std::chrono::milliseconds(1000), backoff * 2 + std::chrono::milliseconds(100));
            if (stopping) return;
        } catch (const std::exception& error) {
            _logger.error("scheduler: " + std::string(error.what()));
            backoff = std::chrono::milliseconds(1000);
            if (stopping) return;
        }
        if (_clock.instant() >= nextPoll) {
            auto jitter =
                std::chrono::milliseconds(random() % (static_cast<unsigned>(_settings.poll.count()) / 4 + 1));
            nextPoll = _clock.instant() + _settings.poll + jitter;
        }
    }
}

void RunScheduler::recover() {
    const BootMillis lease = _leaseUntil; // from before we ask what is ours
    for (ClaimedRun& run : _store.runsHeldBy(_settings.nodeId)) {
        run.leaseUntil = lease;
        std::string id = run.runId;
        if (_held.contains(id)) continue;
        auto [held, _] = _held.emplace(id, std::move(run));
        switch (_executor.load()->recover(held->second)) {
        case Executor::Recovery::attached:
            _logger.information("run " + shortId(id) + " attempt=" + std::to_string(held->second.attempt) +
                                " found again after a restart");
            break;
        case Executor::Recovery::neverStarted:
            _logger.information("run " + shortId(id) + " was claimed and never started; starting it");
            _executor.load()->start(held->second);
            break;
        case Executor::Recovery::gone:
            report(Vanished{held->second, "the leader was gone when the daemon came back"});
            break;
        }
    }
}

/// Its end waits in the same queue, and has all of its tests.
bool RunScheduler::isFinished(const std::deque<Report>& reports, const ClaimedRun& run) {
    constexpr std::size_t kFar = 64; // looking further costs more than it may spare
    for (std::size_t i = 0; i < std::min(reports.size(), kFar); ++i)
        if (const auto* finished = std::get_if<Finished>(&reports[i]);
            finished && finished->run.runId == run.runId && finished->run.attempt == run.attempt)
            return true;
    return false;
}

void RunScheduler::store(std::deque<Report>& reports) {
    while (!reports.empty()) {
        Report& front = reports.front();
        if (const auto* finished = std::get_if<Finished>(&front)) {
            if (tryRetry(*finished))
                reports.pop_front();
            else
                storeFinished(reports);
            continue;
        }
        if (auto* started = std::get_if<Started>(&front)) {
            _store.recordStarted(started->run, started->sandbox, started->at);
        } else if (auto* changed = std::get_if<TestChanged>(&front)) {
            // With one test, its end is stored with the run's a moment later.
            if ((changed->run.tests.size() > 1 || changed->test.status == TestStatus::running) &&
                !isFinished(reports, changed->run))
                _store.recordTest(changed->run, changed->test);
        } else if (auto* vanished = std::get_if<Vanished>(&front)) {
            RunStatus status = _store.giveUp(vanished->run, vanished->why, _clock.now());
            _logger.warning("run " + shortId(vanished->run.runId) + " job=" + vanished->run.jobName +
                            " attempt=" + std::to_string(vanished->run.attempt) + " " +
                            std::string(toText(status)) + ": " + vanished->why);
            release(vanished->run.runId);
            _feed.stateChanged(vanished->run.runId, status, vanished->run.attempt);
        }
        reports.pop_front();
    }
}

bool RunScheduler::tryRetry(const Finished& finished) {
    const RunOutcome& outcome = finished.outcome;
    const auto delay = _retries.delayAfter(finished.run, outcome);
    if (!delay || !_store.retry(outcome, *delay)) return false;
    _logger.information("run " + shortId(outcome.runId) + " job=" + finished.run.jobName +
                        " attempt=" + std::to_string(outcome.attempt) + " " + describe(outcome) +
                        ", again in " + std::to_string(delay->count()) + "ms");
    release(outcome.runId);
    _feed.stateChanged(outcome.runId, RunStatus::queued, outcome.attempt + 1);
    return true;
}

void RunScheduler::storeFinished(std::deque<Report>& reports) {
    std::vector<RunOutcome> outcomes;
    for (const Report& report : reports) {
        const auto* finished = std::get_if<Finished>(&report);
        if (!finished || outcomes.size() >= 256) break;
        // One that may be tried again has its turn; the first has had it.
        if (!outcomes.empty() && _retries.delayAfter(finished->run, finished->outcome)) break;
        outcomes.push_back(finished->outcome);
    }
    std::vector<bool> ours = _store.finish(outcomes);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const auto& finished = std::get<Finished>(reports.front());
        const RunOutcome& outcome = finished.outcome;
        std::string line = "run " + shortId(outcome.runId) + " job=" + finished.run.jobName +
                           " attempt=" + std::to_string(outcome.attempt) + " finished " + describe(outcome);
        if (ours[i]) {
            _logger.information(line);
            _feed.stateChanged(outcome.runId, outcome.status, outcome.attempt);
        } else {
            _logger.warning(line + ", but it is no longer this node's: not stored");
        }
        release(outcome.runId);
        reports.pop_front();
    }
}

void RunScheduler::claim() {
    while (!_draining) {
        // From before the claim: a beat that is committed after it says nothing about runs taken in between.
        const BootMillis lease = _leaseUntil;
        if (_settings.leases && _clock.bootTime() + kLeaseToClaim > lease) return;
        int room = _settings.capacity - static_cast<int>(_held.size());
        if (room <= 0) return;
        ClaimRequest request;
        request.nodeId = _settings.nodeId;
        request.sandbox = _executor.load()->sandbox();
        request.now = _clock.now();
        request.leaseExpiresAt = request.now + std::chrono::microseconds(_settings.lease).count();
        request.maxRuns = room;
        auto runs = _store.claim(request);
        if (runs.empty()) return;
        for (ClaimedRun& run : runs) {
            _gauge.left(run.jobId);
            run.leaseUntil = lease;
            auto [held, _] = _held.insert_or_assign(run.runId, std::move(run));
            _executor.load()->start(held->second);
        }
    }
}

void RunScheduler::pollCancels() {
    if (_held.empty()) return;
    std::vector<std::string> ids;
    for (const auto& [id, _] : _held) ids.push_back(id);
    for (const std::string& id : _store.cancelsRequested(ids)) _executor.load()->cancel(id);
}

} // namespace usher
