#include "app/TriggerJob.h"

#include "app/Words.h"
#include "base/Json.h"
#include "base/Text.h"
#include "base/Uuid.h"
#include "domain/Errors.h"

#include <algorithm>

namespace usher {

namespace {

std::string parametersToText(const Environment& parameters) {
    return parameters.empty() ? "{}" : toText(Json(parameters));
}

Refusal queueFull() {
    return {429,
            "Queue capacity limit reached",
            "Too many runs wait already. Try again when some have started.",
            "QUEUE_FULL",
            {},
            5};
}

Refusal jobBusy() {
    return {409,
            "Job is busy",
            "A run of this job is queued or running, and the job refuses more (onBusy). Trigger it again "
            "when that run has ended.",
            "JOB_BUSY",
            {},
            0};
}

/// The plugin said what its window held after this request; the request gives its place back, and what the
/// caller reads must say so.
void showGivenBack(TriggerAnswer& answer) {
    if (!answer.limits || answer.limits->remaining >= answer.limits->limit) return;
    const std::string before = std::to_string(answer.limits->remaining);
    const std::string after = std::to_string(++answer.limits->remaining);
    for (auto& [name, value] : answer.fields)
        if (value == before && (equalsIgnoreCase(name, "RateLimit-Remaining") ||
                                equalsIgnoreCase(name, "X-RateLimit-Remaining")))
            value = after;
}

} // namespace

/// Equal requests that are answered together. `key` is empty when there is nothing to join by.
struct TriggerJob::Flight {
    std::string key;
    TriggerRequest request;
    std::vector<Done> passengers; ///< guarded by _flightsMutex while the flight is in _flights
};

/// A request that was judged by the chain and waits for the committer.
struct TriggerJob::Pending {
    std::shared_ptr<Flight> flight; ///< null for submit()
    Done done;                      ///< used when there is no flight
    std::string jobId;
    std::string kind = "remote";
    Principal principal;
    std::vector<std::unique_ptr<Settlement>> settlements;
    TriggerAnswer answer; ///< carries the verdict's fields from the start
    std::optional<IdempotencyKey> idempotency;
    Environment parameters;
    std::optional<Refusal> bodyProblem;
    std::optional<Refusal>
        unlessReplay; ///< the verdict refused for a limit: only a known replay may be answered
    Instant deadline;
    bool answered = false;

    NewRun run;
    TriggeredRun made;
};

TriggerJob::TriggerJob(Authenticator& chain, TriggerStore& store, QueueGauge& gauge, const Clock& clock,
                       Poco::Logger& logger, std::function<void()> wakeScheduler)
    : _chain(chain), _store(store), _gauge(gauge), _clock(clock), _logger(logger),
      _wakeScheduler(std::move(wakeScheduler)) {}

TriggerJob::~TriggerJob() {
    stop();
}

void TriggerJob::start() {
    _committer = std::thread([this] { run(); });
}

void TriggerJob::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _arrived.notifyAll();
    if (_committer.joinable()) _committer.join();
}

void TriggerJob::trigger(TriggerRequest request, Done done) {
    auto flight = std::make_shared<Flight>();
    const TriggerBody* body = std::get_if<TriggerBody>(&request.body);
    std::optional<std::string> key = request.idempotencyKey;
    if (!key && body) key = body->idempotencyKey;
    if (key) {
        flight->key = request.jobId + '\n' + request.credentialDigest + '\n' + request.digest + '\n' + *key;
        Lock lock(_flightsMutex);
        auto [it, first] = _flights.emplace(flight->key, flight);
        it->second->passengers.push_back(std::move(done));
        if (!first) return;
    } else {
        flight->passengers.push_back(std::move(done));
    }
    flight->request = std::move(request);
    auto question = flight->request.question;
    _chain.check(std::move(question),
                 [this, flight](Answer answer) { judgeVerdict(flight, std::move(answer)); });
}

void TriggerJob::judgeVerdict(std::shared_ptr<Flight> flight, Answer answer) {
    Verdict& verdict = answer.verdict;
    auto pending = std::make_unique<Pending>();
    pending->answer.fields = std::move(verdict.headers);
    pending->answer.limits = verdict.limits;
    pending->answer.guess = verdict.guess;
    pending->answer.principalId = verdict.principal.id;
    pending->answer.auditMessage = std::move(verdict.auditMessage);
    bool allowed = verdict.decision == Decision::allow;
    TriggerRequest& request = flight->request;
    TriggerBody* body = std::get_if<TriggerBody>(&request.body);
    std::optional<std::string> key = request.idempotencyKey;
    if (body && body->idempotencyKey) {
        if (key && *key != *body->idempotencyKey)
            pending->bodyProblem = invalidBody(
                {{"idempotencyKey", "differs from the Idempotency-Key header; send one of the two"}});
        key = body->idempotencyKey;
    }
    if (!allowed) {
        pending->answer.result = refusalOf(verdict);
        if (!verdict.replayOk || !key || pending->bodyProblem) return land(*flight, pending->answer);
        pending->unlessReplay = std::get<Refusal>(pending->answer.result);
    }
    pending->flight = flight;
    pending->jobId = request.jobId;
    pending->principal = std::move(verdict.principal);
    if (pending->principal.id.starts_with("user:")) pending->kind = "manual"; // a person, not a pipeline
    pending->settlements = std::move(answer.settlements);
    pending->deadline = request.question->deadline;
    if (key)
        pending->idempotency = IdempotencyKey{request.jobId, pending->principal.id, *key, request.digest};
    if (body)
        pending->parameters = std::move(body->parameters);
    else
        pending->bodyProblem = std::get<Refusal>(request.body);
    enqueue(std::move(pending));
}

void TriggerJob::submit(const std::string& jobId, const Principal& by, const std::string& kind,
                        Environment parameters, Instant deadline, Done done) {
    auto pending = std::make_unique<Pending>();
    pending->done = std::move(done);
    pending->jobId = jobId;
    pending->kind = kind;
    pending->principal = by;
    pending->answer.principalId = by.id;
    pending->parameters = std::move(parameters);
    pending->deadline = deadline;
    enqueue(std::move(pending));
}

void TriggerJob::enqueue(std::unique_ptr<Pending> pending) {
    bool wake = false;
    {
        Lock lock(_mutex);
        if (!_stopping && _waiting.size() < kMaxWaiting) {
            wake = _waiting.empty();
            _waiting.push_back(std::move(pending));
        }
    }
    if (pending) return refuse(*pending, storageUnavailable());
    if (wake) _arrived.notifyOne();
}

void TriggerJob::land(Flight& flight, const TriggerAnswer& answer) {
    std::vector<Done> passengers;
    if (flight.key.empty()) {
        passengers.swap(flight.passengers);
    } else {
        Lock lock(_flightsMutex);
        _flights.erase(flight.key);
        passengers.swap(flight.passengers);
    }
    for (Done& done : passengers) done(answer);
}

void TriggerJob::giveBack(Pending& pending) {
    if (pending.settlements.empty()) return; // it was refused, or settled as unknown: nothing comes back
    for (auto& settlement : pending.settlements) settlement->abandoned();
    pending.settlements.clear();
    showGivenBack(pending.answer);
}

void TriggerJob::refuse(Pending& pending, Refusal refusal) {
    pending.answered = true;
    giveBack(pending);
    pending.answer.result = std::move(refusal);
    pending.flight ? land(*pending.flight, pending.answer) : pending.done(pending.answer);
}

void TriggerJob::answerReplay(Pending& pending, const Replay& replay) {
    if (replay.digest != pending.idempotency->digest)
        return refuse(pending,
                      {422,
                       "Idempotency mismatch",
                       "This Idempotency-Key was used with another body. Use a new key for a new request.",
                       "IDEMPOTENCY_MISMATCH",
                       {},
                       0});
    answerWithOther(pending, {pending.jobId, replay.jobName, replay.runId, replay.triggeredBy,
                              replay.queuedAt, replay.position, replay.testCount, true, false});
}

void TriggerJob::answerCoalesced(Pending& pending, const Replay& queued) {
    const std::int64_t place = std::max<std::int64_t>(1, pending.made.position - 1);
    answerWithOther(pending, {pending.jobId, queued.jobName, queued.runId, queued.triggeredBy,
                              queued.queuedAt, place, queued.testCount, false, true});
}

void TriggerJob::answerWithOther(Pending& pending, TriggeredRun run) {
    pending.answered = true;
    giveBack(pending); // no run was made: nothing is spent
    pending.answer.result = std::move(run);
    pending.flight ? land(*pending.flight, pending.answer) : pending.done(pending.answer);
}

void TriggerJob::run() {
    ParameterRules rules; // compiled patterns, kept between batches
    while (true) {
        std::vector<std::unique_ptr<Pending>> batch;
        bool stopping = false;
        {
            Lock lock(_mutex);
            while (_waiting.empty() && !_stopping) _arrived.wait(lock);
            if (_waiting.empty()) return;
            stopping = _stopping;
            if (_waiting.size() <= kBatch) {
                batch.swap(_waiting);
            } else {
                auto end = _waiting.begin() + kBatch;
                batch.assign(std::make_move_iterator(_waiting.begin()), std::make_move_iterator(end));
                _waiting.erase(_waiting.begin(), end);
            }
        }
        if (stopping)
            for (auto& pending : batch) refuse(*pending, storageUnavailable());
        else
            commit(std::move(batch), rules);
    }
}

void TriggerJob::commit(std::vector<std::unique_ptr<Pending>> batch, ParameterRules& rules) {
    Instant deadline = Instant::max();
    for (const auto& pending : batch) deadline = std::min(deadline, pending->deadline);
    try {
        answerReplays(batch, deadline);
        // First by what is remembered of the jobs; then twice as they stand in the database, for a revision
        // may move between the look and the insert.
        for (Look look : {Look::remembered, Look::fresh, Look::fresh}) {
            judgeAndInsert(batch, rules, look, deadline);
            std::erase_if(batch, [](const auto& pending) { return pending->answered; });
            if (batch.empty()) break;
        }
    } catch (const StorageUnavailable& error) {
        _logger.warning("triggers refused, storage unavailable: " + std::string(error.what()));
    } catch (const std::exception& error) {
        _logger.error("triggers refused, the store failed: " + std::string(error.what()));
    }
    for (auto& pending : batch)
        if (!pending->answered) refuse(*pending, storageUnavailable());
}

void TriggerJob::answerReplays(std::vector<std::unique_ptr<Pending>>& batch, Instant deadline) {
    std::vector<IdempotencyKey> keys;
    std::vector<Pending*> asking;
    for (auto& pending : batch) {
        if (!pending->idempotency) continue;
        keys.push_back(*pending->idempotency);
        asking.push_back(pending.get());
    }
    if (keys.empty()) return;
    auto replays = _store.findReplays(keys, _clock.now(), deadline);
    for (std::size_t i = 0; i < asking.size(); ++i) {
        if (replays[i])
            answerReplay(*asking[i], *replays[i]);
        else if (asking[i]->unlessReplay)
            refuse(*asking[i], *asking[i]->unlessReplay);
    }
    std::erase_if(batch, [](const auto& pending) { return pending->answered; });
}

std::vector<TriggerJob::Seen> TriggerJob::lookAtJobs(const std::vector<std::unique_ptr<Pending>>& batch,
                                                     Look look, Instant deadline) {
    std::vector<Seen> seen(batch.size());
    std::vector<std::string> ids;
    std::vector<std::size_t> asking;
    {
        Lock lock(_viewsMutex);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            auto found = look == Look::fresh ? _views.end() : _views.find(batch[i]->jobId);
            if (found != _views.end()) {
                seen[i] = {found->second, false};
                continue;
            }
            ids.push_back(batch[i]->jobId);
            asking.push_back(i);
        }
    }
    if (ids.empty()) return seen;
    auto views = _store.viewJobs(ids, deadline);
    Lock lock(_viewsMutex);
    if (_views.size() > kMaxViews) _views.clear();
    for (std::size_t i = 0; i < asking.size(); ++i) {
        if (views[i])
            _views.insert_or_assign(ids[i], *views[i]);
        else
            _views.erase(ids[i]);
        seen[asking[i]] = {std::move(views[i]), true};
    }
    return seen;
}

std::optional<Refusal> TriggerJob::judge(Pending& pending, const std::optional<TriggerView>& view,
                                         ParameterRules& rules) {
    if (!view)
        return Refusal{
            404, "Job not found", "No job has this id; it may have been deleted.", "JOB_NOT_FOUND", {}, 0};
    if (view->paused)
        return Refusal{
            409, "Job not available", "The job is paused. Resume it, then trigger again.", "JOB_PAUSED", {},
            0};
    if (view->testCount == 0)
        return Refusal{
            409, "No tests found for job", "Add tests to the job: PUT /api/jobs/{id}/tests.", "JOB_EMPTY", {},
            0};
    if (pending.bodyProblem) return pending.bodyProblem;
    auto applied = rules.apply(parametersFromJson(view->parametersJson), pending.parameters);
    if (auto* refusal = std::get_if<Refusal>(&applied)) return std::move(*refusal);
    NewRun& run = pending.run;
    run.runId = createUuid();
    run.jobId = pending.jobId;
    run.revision = view->revision;
    run.trigger = pending.kind;
    run.triggeredBy = pending.principal.name;
    run.principalId = pending.principal.id;
    run.parametersJson = parametersToText(std::get<Environment>(applied));
    run.priority = view->priority;
    run.queuedAt = _clock.now();
    run.idempotency = pending.idempotency;
    run.onBusy = view->onBusy;
    run.queueFull = false;
    pending.made = {pending.jobId,   view->jobName, run.runId, run.triggeredBy, run.queuedAt, 1,
                    view->testCount, false,         false};
    return std::nullopt;
}

void TriggerJob::judgeAndInsert(std::vector<std::unique_ptr<Pending>>& batch, ParameterRules& rules,
                                Look look, Instant deadline) {
    if (batch.empty()) return;
    std::vector<Seen> seen = lookAtJobs(batch, look, deadline);
    std::vector<Pending*> fit;
    std::vector<bool> sure; ///< of what was seen: a refusal counts
    std::vector<QueueGauge::Wish> wishes;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (auto refusal = judge(*batch[i], seen[i].view, rules)) {
            if (seen[i].fresh) refuse(*batch[i], std::move(*refusal));
            continue;
        }
        fit.push_back(batch[i].get());
        sure.push_back(seen[i].fresh);
        wishes.push_back({&batch[i]->jobId, seen[i].view->queueLimit});
    }
    if (fit.empty()) return;
    auto places = _gauge.reserve(wishes, _clock.instant(), deadline);
    std::vector<NewRun> rows;
    std::vector<Pending*> inserting;
    for (std::size_t i = 0; i < fit.size(); ++i) {
        NewRun& run = fit[i]->run;
        run.queueFull = places[i] == 0;
        if (run.queueFull && run.onBusy == OnBusy::queue) {
            if (sure[i]) refuse(*fit[i], queueFull());
            continue;
        }
        fit[i]->made.position = run.position = std::max<std::int64_t>(1, places[i]);
        rows.push_back(fit[i]->run);
        inserting.push_back(fit[i]);
    }
    if (rows.empty()) return;

    std::vector<Inserted> inserted;
    try {
        inserted = _store.insertRuns(rows, deadline);
    } catch (...) {
        // The commit may have happened: what the checks cost is kept, and the same Idempotency-Key finds the
        // run.
        for (Pending* pending : inserting) {
            for (auto& settlement : pending->settlements) settlement->unknown();
            pending->settlements.clear();
            if (!pending->run.queueFull)
                _gauge.stored(pending->jobId); // perhaps: counting again is what decides
        }
        throw;
    }
    _wakeScheduler();
    for (std::size_t i = 0; i < inserting.size(); ++i) {
        Pending& pending = *inserting[i];
        if (inserted[i].kind != Inserted::Kind::inserted && !pending.run.queueFull)
            _gauge.dropped(pending.jobId);
        switch (inserted[i].kind) {
        case Inserted::Kind::inserted:
            _gauge.stored(pending.jobId);
            pending.answered = true;
            for (auto& settlement : pending.settlements) settlement->accepted(pending.run.runId);
            pending.settlements.clear();
            pending.answer.result = std::move(pending.made);
            pending.flight ? land(*pending.flight, pending.answer) : pending.done(pending.answer);
            break;
        case Inserted::Kind::replay:
            answerReplay(pending, inserted[i].replay);
            break;
        case Inserted::Kind::coalesced:
            answerCoalesced(pending, inserted[i].replay);
            break;
        case Inserted::Kind::busy:
            refuse(pending, jobBusy());
            break;
        case Inserted::Kind::full:
            refuse(pending, queueFull());
            break;
        case Inserted::Kind::revisionMoved: // stays unanswered: the caller looks again
            break;
        }
    }
}

} // namespace usher
