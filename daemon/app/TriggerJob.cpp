#include "app/TriggerJob.h"

#include "app/Words.h"

namespace usher {

TriggerJob::TriggerJob(Authenticator& chain, TriggerStore& store, QueueGauge& gauge, const Clock& clock,
                       Poco::Logger& logger, std::function<void()> wakeScheduler)
    : _chain(chain), _committer(store, gauge, clock, logger, std::move(wakeScheduler)) {}

TriggerJob::~TriggerJob() {
    stop();
}

void TriggerJob::start() {
    _thread = std::thread([this] { run(); });
}

void TriggerJob::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _arrived.notifyAll();
    if (_thread.joinable()) _thread.join();
}

std::shared_ptr<Askers> TriggerJob::trigger(TriggerRequest request, TriggerDone done) {
    std::shared_ptr<Askers> askers;
    auto flight = _flights.board(std::move(request), std::move(done), askers);
    if (!flight) return askers;
    auto question = flight->request.question;
    _chain.check(std::move(question),
                 [this, flight](Answer answer) { judgeVerdict(flight, std::move(answer)); });
    return askers;
}

void TriggerJob::judgeVerdict(std::shared_ptr<TriggerFlights::Flight> flight, Answer answer) {
    Verdict& verdict = answer.verdict;
    auto pending = std::make_unique<PendingTrigger>();
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
        if (key && *key != *body->idempotencyKey) {
            pending->bodyProblem = invalidBody(
                {{"idempotencyKey", "differs from the Idempotency-Key header; send one of the two"}});
            key.reset(); // neither is answered with the run that it was used for
        } else {
            key = body->idempotencyKey;
        }
    }
    if (!allowed) {
        pending->answer.result = refusalOf(verdict);
        if (!verdict.replayOk || !key) return _flights.land(*flight, pending->answer);
        pending->unlessReplay = std::get<Refusal>(pending->answer.result);
    }
    pending->done = [this, flight](const TriggerAnswer& answer) { _flights.land(*flight, answer); };
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
                        Environment parameters, Instant deadline, TriggerDone done) {
    auto pending = std::make_unique<PendingTrigger>();
    pending->done = std::move(done);
    pending->jobId = jobId;
    pending->kind = kind;
    pending->principal = by;
    pending->answer.principalId = by.id;
    pending->parameters = std::move(parameters);
    pending->deadline = deadline;
    enqueue(std::move(pending));
}

void TriggerJob::enqueue(std::unique_ptr<PendingTrigger> pending) {
    bool wake = false;
    {
        Lock lock(_mutex);
        if (!_stopping && _waiting.size() < kMaxWaiting) {
            wake = _waiting.empty();
            _waiting.push_back(std::move(pending));
        }
    }
    if (pending) return pending->refuse(storageUnavailable());
    if (wake) _arrived.notifyOne();
}

void TriggerJob::run() {
    while (true) {
        TriggerCommitter::Batch batch;
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
            for (auto& pending : batch) pending->refuse(storageUnavailable());
        else
            _committer.commit(std::move(batch));
    }
}

} // namespace usher
