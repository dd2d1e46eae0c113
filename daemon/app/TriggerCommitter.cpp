#include "app/TriggerCommitter.h"

#include "app/TriggerRules.h"
#include "app/Words.h"
#include "domain/Errors.h"

#include <algorithm>
#include <iterator>

namespace usher {

namespace {

/// Less than this is left to a request that is late, after a slow plugin say.
constexpr std::chrono::milliseconds kHurry{500};

} // namespace

void TriggerCommitter::commit(Batch batch) {
    // A batch has the time of its most hurried request: those who are late take none from the others.
    const Instant soon = _clock.instant() + kHurry;
    const auto late = std::stable_partition(batch.begin(), batch.end(),
                                            [&](const auto& pending) { return pending->deadline > soon; });
    Batch hurried(std::make_move_iterator(late), std::make_move_iterator(batch.end()));
    batch.erase(late, batch.end());
    commitTogether(std::move(batch));
    const Instant now = _clock.instant();
    for (auto& pending : hurried)
        if (pending->deadline <= now) pending->refuse(storageUnavailable());
    std::erase_if(hurried, [](const auto& pending) { return pending->answered; });
    commitTogether(std::move(hurried));
}

void TriggerCommitter::commitTogether(Batch batch) {
    if (batch.empty()) return;
    Instant deadline = Instant::max();
    for (const auto& pending : batch) deadline = std::min(deadline, pending->deadline);
    try {
        answerReplays(batch, deadline);
        // First by what is remembered of the jobs; then twice as they stand in the database, for a revision
        // may move between the look and the insert.
        for (JobViews::Look look :
             {JobViews::Look::remembered, JobViews::Look::fresh, JobViews::Look::fresh}) {
            judgeAndInsert(batch, look, deadline);
            std::erase_if(batch, [](const auto& pending) { return pending->answered; });
            if (batch.empty()) break;
        }
    } catch (const StorageUnavailable& error) {
        _logger.warning("triggers refused, storage unavailable: " + std::string(error.what()));
    } catch (const std::exception& error) {
        _logger.error("triggers refused, the store failed: " + std::string(error.what()));
    }
    for (auto& pending : batch)
        if (!pending->answered) pending->refuse(storageUnavailable());
}

void TriggerCommitter::answerReplays(Batch& batch, Instant deadline) {
    std::vector<IdempotencyKey> keys;
    std::vector<PendingTrigger*> asking;
    for (auto& pending : batch) {
        if (!pending->idempotency) continue;
        keys.push_back(*pending->idempotency);
        asking.push_back(pending.get());
    }
    if (keys.empty()) return;
    auto replays = _store.findReplays(keys, _clock.now(), deadline);
    for (std::size_t i = 0; i < asking.size(); ++i) {
        if (replays[i])
            asking[i]->answerReplay(*replays[i]);
        else if (asking[i]->unlessReplay)
            asking[i]->refuse(*asking[i]->unlessReplay);
    }
    std::erase_if(batch, [](const auto& pending) { return pending->answered; });
}

void TriggerCommitter::judgeAndInsert(Batch& batch, JobViews::Look look, Instant deadline) {
    if (batch.empty()) return;
    const std::vector<Fit> fit = judge(batch, look, deadline);
    if (fit.empty()) return;
    const std::vector<PendingTrigger*> inserting = takePlaces(fit, deadline);
    if (inserting.empty()) return;
    const std::vector<Inserted> inserted = insert(inserting, deadline);
    _wakeScheduler();
    for (std::size_t i = 0; i < inserting.size(); ++i) answer(*inserting[i], inserted[i]);
}

std::vector<TriggerCommitter::Fit> TriggerCommitter::judge(Batch& batch, JobViews::Look look,
                                                           Instant deadline) {
    std::vector<std::string> ids;
    ids.reserve(batch.size());
    for (const auto& pending : batch) ids.push_back(pending->jobId);
    const std::vector<JobViews::Seen> seen = _views.look(ids, look, deadline);
    std::vector<Fit> fit;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (auto refusal = judgeTrigger(*batch[i], seen[i].view, _rules, _clock.now())) {
            if (seen[i].fresh) batch[i]->refuse(std::move(*refusal));
            continue;
        }
        fit.push_back({batch[i].get(), seen[i].fresh, seen[i].view->queueLimit});
    }
    return fit;
}

/// Those that found room in the queue, and those that need none when their job is busy.
std::vector<PendingTrigger*> TriggerCommitter::takePlaces(const std::vector<Fit>& fit, Instant deadline) {
    std::vector<QueueGauge::Wish> wishes;
    wishes.reserve(fit.size());
    for (const Fit& one : fit) wishes.push_back({&one.pending->jobId, one.queueLimit});
    const auto places = _gauge.reserve(wishes, _clock.instant(), deadline);
    std::vector<PendingTrigger*> inserting;
    for (std::size_t i = 0; i < fit.size(); ++i) {
        PendingTrigger& pending = *fit[i].pending;
        NewRun& run = pending.run;
        run.queueFull = places[i] == 0;
        if (run.queueFull && run.onBusy == OnBusy::queue) {
            if (fit[i].sure) pending.refuse(queueFull());
            continue;
        }
        pending.made.position = run.position = std::max<std::int64_t>(1, places[i]);
        inserting.push_back(&pending);
    }
    return inserting;
}

std::vector<Inserted> TriggerCommitter::insert(const std::vector<PendingTrigger*>& inserting,
                                               Instant deadline) {
    std::vector<NewRun> rows;
    for (const PendingTrigger* pending : inserting) rows.push_back(pending->run);
    try {
        return _store.insertRuns(rows, deadline);
    } catch (...) { // the commit may have happened
        for (PendingTrigger* pending : inserting) {
            pending->keepCosts();
            if (!pending->run.queueFull)
                _gauge.stored(pending->jobId); // perhaps: counting again is what decides
        }
        throw;
    }
}

void TriggerCommitter::answer(PendingTrigger& pending, const Inserted& inserted) {
    if (inserted.kind != Inserted::Kind::inserted && !pending.run.queueFull) _gauge.dropped(pending.jobId);
    switch (inserted.kind) {
    case Inserted::Kind::inserted:
        _gauge.stored(pending.jobId);
        pending.accept();
        break;
    case Inserted::Kind::replay:
        pending.answerReplay(inserted.replay);
        break;
    case Inserted::Kind::coalesced:
        pending.answerCoalesced(inserted.replay);
        break;
    case Inserted::Kind::busy:
        pending.refuse(jobBusy());
        break;
    case Inserted::Kind::full:
        pending.refuse(queueFull());
        break;
    case Inserted::Kind::revisionMoved: // stays unanswered: the caller looks again
        break;
    }
}

} // namespace usher
