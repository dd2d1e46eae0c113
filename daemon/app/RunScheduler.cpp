#include "app/RunScheduler.h"

#include "domain/Errors.h"

#include <algorithm>
#include <functional>
#include <random>
#include <set>

namespace usher {

namespace {

/// With less than this left, a run that we claim would hardly begin before its leader must end it.
constexpr BootMillis kLeaseToClaim = 8000;

std::string shortId(const std::string& id) {
    return id.substr(0, 13);
}

/// Steps of a run that ends within this time are stored together with its end.
constexpr auto kSettle = std::chrono::milliseconds(10);
constexpr auto kNoteEvery = std::chrono::seconds(1);
constexpr std::size_t kBatch = 256;

std::string nameOf(const ClaimedRun& run) {
    return run.runId + "/" + std::to_string(run.attempt);
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

void RunScheduler::report(Told told) {
    {
        Lock lock(_mutex);
        _reports.push_back({std::move(told), _clock.instant()});
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

void RunScheduler::run() {
    std::minstd_rand random{std::random_device{}()};
    bool recovered = false;
    Reports reports; // what is not stored yet
    Instant nextPoll{};
    auto backoff = std::chrono::milliseconds(0);
    while (true) {
        _turns.fetch_add(1, std::memory_order_relaxed);
        bool stopping = false;
        {
            Lock lock(_mutex);
            Instant next = reports.empty() ? nextPoll : std::min(nextPoll, reports.front().at + kSettle);
            if (!_lastRuns.empty()) next = std::min(next, _lastRunsNoted + kNoteEvery);
            while (_reports.empty() && !_woken && !_stopping && _clock.instant() < next)
                _changed.waitUntil(lock, next);
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
            store(reports, stopping);
            if (!stopping) claim();
            noteLastRuns(stopping);
            if (stopping) return;
            if (_clock.instant() >= nextPoll) endUnwanted();
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
        const std::string id = run.runId;
        const auto [held, added] = _held.try_emplace(nameOf(run), std::move(run));
        if (!added) continue;
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

const ClaimedRun& RunScheduler::Report::run() const {
    return std::visit([](const auto& one) -> const ClaimedRun& { return one.run; }, told);
}

bool RunScheduler::Report::isEnd() const {
    return std::holds_alternative<Finished>(told) || std::holds_alternative<Vanished>(told);
}

void RunScheduler::store(Reports& reports, bool all) {
    all = all || !isFull();
    while (storeEnd(reports)) {
    }
    while (!reports.empty() && (all || reports.front().at + kSettle <= _clock.instant())) {
        storeStep(reports.front());
        reports.pop_front();
    }
}

bool RunScheduler::storeEnd(Reports& reports) {
    auto end = [&] { return std::find_if(reports.begin(), reports.end(), std::mem_fn(&Report::isEnd)); };
    auto at = end();
    if (at == reports.end()) return false;
    const auto* finished = std::get_if<Finished>(&at->told);
    if (!finished || _retries.delayAfter(finished->run, finished->outcome)) {
        storeStepsOf(at->run(), reports);
        at = end(); // the same: only steps have gone
        finished = std::get_if<Finished>(&at->told);
        if (!finished) giveUp(std::get<Vanished>(at->told));
        if (!finished || tryRetry(*finished)) {
            reports.erase(at);
            return true;
        }
    }
    storeFinished(reports, static_cast<std::size_t>(at - reports.begin()));
    return true;
}

void RunScheduler::storeStep(const Report& step) {
    if (const auto* started = std::get_if<Started>(&step.told)) {
        _store.recordStarted(started->run, started->sandbox, started->at);
    } else if (const auto* changed = std::get_if<TestChanged>(&step.told)) {
        // With one test, its end is stored with the run's a moment later.
        if (changed->run.tests.size() > 1 || changed->test.status == TestStatus::running)
            _store.recordTest(changed->run, changed->test);
    }
}

void RunScheduler::storeStepsOf(const ClaimedRun& run, Reports& reports) {
    const std::string name = nameOf(run);
    for (std::size_t i = 0; i < reports.size();) {
        if (reports[i].isEnd() || nameOf(reports[i].run()) != name) {
            ++i;
            continue;
        }
        storeStep(reports[i]);
        reports.erase(reports.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void RunScheduler::giveUp(const Vanished& vanished) {
    const RunStatus status = _store.giveUp(vanished.run, vanished.why, _clock.now());
    _logger.warning("run " + shortId(vanished.run.runId) + " job=" + vanished.run.jobName +
                    " attempt=" + std::to_string(vanished.run.attempt) + " " + std::string(toText(status)) +
                    ": " + vanished.why);
    _feed.stateChanged(vanished.run.runId, status, vanished.run.attempt);
    _held.erase(nameOf(vanished.run));
}

bool RunScheduler::tryRetry(const Finished& finished) {
    const RunOutcome& outcome = finished.outcome;
    const auto delay = _retries.delayAfter(finished.run, outcome);
    if (!delay || !_store.retry(outcome, *delay)) return false;
    _logger.information("run " + shortId(outcome.runId) + " job=" + finished.run.jobName +
                        " attempt=" + std::to_string(outcome.attempt) + " " + describe(outcome) +
                        ", again in " + std::to_string(delay->count()) + "ms");
    _held.erase(nameOf(finished.run));
    _feed.stateChanged(outcome.runId, RunStatus::queued, outcome.attempt + 1);
    return true;
}

void RunScheduler::storeFinished(Reports& reports, std::size_t first) {
    std::set<std::string> untold, stored;
    for (const Report& report : reports)
        if (std::holds_alternative<Started>(report.told)) untold.insert(nameOf(report.run()));
    std::vector<const Finished*> ends;
    std::vector<RunOutcome> outcomes;
    for (std::size_t i = first; i < reports.size() && ends.size() < kBatch; ++i) {
        const auto* finished = std::get_if<Finished>(&reports[i].told);
        // One that may be tried again has its turn; the first has had it.
        if (!finished || (i != first && _retries.delayAfter(finished->run, finished->outcome))) continue;
        ends.push_back(finished);
        outcomes.push_back(finished->outcome);
        outcomes.back().startUntold = untold.contains(nameOf(finished->run));
        stored.insert(nameOf(finished->run));
    }
    const std::vector<bool> ours = _store.finish(outcomes);
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const RunOutcome& outcome = outcomes[i];
        std::string line = "run " + shortId(outcome.runId) + " job=" + ends[i]->run.jobName +
                           " attempt=" + std::to_string(outcome.attempt) + " finished " + describe(outcome);
        if (ours[i]) {
            _logger.information(line);
            _feed.stateChanged(outcome.runId, outcome.status, outcome.attempt);
            Micros& last = _lastRuns[ends[i]->run.jobId];
            last = std::max(last, outcome.startedAt ? outcome.startedAt : outcome.completedAt);
        } else {
            _logger.warning(line + ", but it was taken from this node or deleted: not stored");
        }
        _held.erase(nameOf(ends[i]->run));
    }
    std::erase_if(reports, [&](const Report& report) { return stored.contains(nameOf(report.run())); });
}

/// At most once a second, but at once when nothing was noted for a second.
void RunScheduler::noteLastRuns(bool now) {
    if (_lastRuns.empty() || (!now && _clock.instant() < _lastRunsNoted + kNoteEvery)) return;
    try {
        const std::vector<std::string> held = _store.noteLastRuns(_lastRuns);
        std::erase_if(_lastRuns, [&](const auto& one) {
            return std::find(held.begin(), held.end(), one.first) == held.end();
        });
    } catch (const StorageUnavailable&) {
        // Kept for the next time.
    } catch (const std::exception& error) {
        _logger.warning("when jobs ran last was not noted: " + std::string(error.what()));
        _lastRuns.clear(); // a nicety; runs do not wait for it
    }
    _lastRunsNoted = _clock.instant();
}

/// What we cannot start is left for other nodes, or for later.
bool RunScheduler::canStart() {
    const std::string problem = _executor.load()->problem();
    if (problem != _problem)
        _logger.warning(problem.empty() ? "runs can be started again" : "no new claims: " + problem);
    _problem = problem;
    return problem.empty();
}

void RunScheduler::claim() {
    while (_claiming && !_draining) {
        // From before the claim: a beat that is committed after it says nothing about runs taken in between.
        const BootMillis lease = _leaseUntil;
        if (_settings.leases && _clock.bootTime() + kLeaseToClaim > lease) return;
        int room = _settings.capacity - static_cast<int>(_held.size());
        if (room <= 0 || !canStart()) return;
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
            const std::string name = nameOf(run);
            auto [held, _] = _held.insert_or_assign(name, std::move(run));
            _executor.load()->start(held->second);
        }
    }
}

void RunScheduler::endUnwanted() {
    if (_held.empty()) return;
    std::vector<std::string> ids;
    for (const auto& [_, run] : _held) ids.push_back(run.runId);
    for (const std::string& id : _store.runsToEnd(ids)) _executor.load()->cancel(id);
}

} // namespace usher
