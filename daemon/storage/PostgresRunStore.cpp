#include "storage/PostgresRunStore.h"

#include "base/Uuid.h"
#include "storage/PostgresRunSql.h"

#include <unordered_map>

namespace usher {

namespace {

using namespace run_sql;

ClaimedRun claimedAt(const PgResult& rows, int row) {
    ClaimedRun run;
    run.runId = rows.text(row, 0);
    run.jobId = rows.text(row, 1);
    run.jobName = rows.text(row, 2);
    run.attempt = static_cast<int>(rows.integer(row, 3));
    run.leaseEpoch = rows.integer(row, 4);
    run.timeoutSeconds = static_cast<int>(rows.integer(row, 5));
    run.retries = static_cast<int>(rows.integer(row, 6));
    run.parallelism = static_cast<int>(rows.integer(row, 7));
    run.network = rows.view(row, 8) == "full";
    run.onLost = onLostFrom(rows.view(row, 9)).value_or(OnLost::fail);
    run.parameters = environmentFromJson(rows.text(row, 10));
    run.cancelRequested = !rows.isNull(row, 11);
    run.startedAt = rows.maybeInteger(row, 12);
    run.tests = testsFromJson(rows.text(row, 13));
    run.hasSecrets = rows.flag(row, 14);
    return run;
}

PgCommand event(const std::string& runId, Micros at, std::string_view type, const std::string& nodeId,
                std::int64_t attempt, const std::string& detail) {
    return {kEvent,
            {sqlValue(runId), sqlValue(at), sqlValue(type), sqlValue(nodeId), sqlValue(attempt),
             sqlValue(detail)}};
}

/// A run's row, locked until the transaction ends.
struct State {
    RunStatus status;
    std::string node;
    std::int64_t attempt, epoch;
    bool cancelAsked, rerun;
};

std::optional<State> lockState(PgConnection& connection, const std::string& runId, Instant deadline) {
    const PgCommand commands[] = {{kBegin}, {kState, {sqlValue(runId)}}};
    const std::vector<PgResult> results = connection.run(commands, deadline);
    const PgResult& row = results[1];
    if (row.size() == 0) return std::nullopt;
    return State{runStatusFrom(row.view(0, 0)).value_or(RunStatus::lost),
                 row.text(0, 1),
                 row.integer(0, 2),
                 row.integer(0, 5),
                 !row.isNull(0, 3),
                 row.view(0, 4) == "rerun"};
}

std::string nameOf(std::string_view runId, std::int64_t attempt, std::int64_t epoch) {
    return std::string(runId) + "/" + std::to_string(attempt) + "/" + std::to_string(epoch);
}

} // namespace

std::vector<ClaimedRun> PostgresRunStore::claim(const ClaimRequest& request) {
    std::vector<ClaimedRun> claimed;
    if (request.maxRuns <= 0) return claimed;
    const Instant deadline = storageDeadline();
    const SqlValue most = sqlValue(std::int64_t{request.maxRuns});
    const SqlValue node = sqlValue(request.nodeId);
    const PgCommand commands[] = {
        {kBegin},
        {kLockJobs, {most, node}},
        {kTake, {most, node, sqlValue(request.sandbox), sqlValue(request.leaseExpiresAt)}},
        {kKeepRevisions},
        {kPlanTests},
        {kClaimed, {sqlValue(request.now)}},
        {kCommit}};
    _sessions.with(deadline, [&](PgConnection& connection) {
        const std::vector<PgResult> results = connection.run(commands, deadline);
        const PgResult& rows = results[5]; // what kClaimed gives
        for (int row = 0; row < rows.size(); ++row) claimed.push_back(claimedAt(rows, row));
    });
    return claimed;
}

bool PostgresRunStore::anyClaimable() {
    bool any = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        any = connection.run(PgCommand{kAny}, deadline).size() > 0;
    });
    return any;
}

std::vector<ClaimedRun> PostgresRunStore::runsHeldBy(const std::string& nodeId) {
    std::vector<ClaimedRun> held;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kHeld, {sqlValue(nodeId)}}, deadline);
        for (int row = 0; row < rows.size(); ++row) held.push_back(claimedAt(rows, row));
    });
    return held;
}

bool PostgresRunStore::recordStarted(const ClaimedRun& run, const std::string& sandbox, Micros startedAt) {
    bool ours = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand commands[] = {{kNoFsync},
                                      {kStarted,
                                       {sqlValue(startedAt), sqlValue(sandbox), sqlValue(run.runId),
                                        sqlValue(std::int64_t{run.attempt}), sqlValue(run.leaseEpoch)}}};
        ours = connection.run(commands, deadline)[1].affected() > 0;
    });
    return ours;
}

bool PostgresRunStore::recordTest(const ClaimedRun& run, const RunTest& test) {
    bool ours = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand commands[] = {
            {kNoFsync},
            {kTest,
             {sqlValue(run.runId), sqlValue(std::int64_t{run.attempt}), sqlValue(run.leaseEpoch),
              sqlValue(toText(test.status)), sqlValue(test.exitCode), sqlValue(test.signal),
              sqlValue(test.startedAt), sqlValue(test.completedAt), sqlValue(test.durationMs),
              sqlValue(test.outputBytes), sqlValue(test.truncated), sqlValue(test.errorDetails),
              sqlValue(test.casesJson), sqlValue(std::int64_t{test.position})}}};
        ours = connection.run(commands, deadline)[1].affected() > 0;
    });
    return ours;
}

std::vector<bool> PostgresRunStore::finish(std::span<const RunOutcome> outcomes) {
    std::vector<bool> ours(outcomes.size(), false);
    if (outcomes.empty()) return ours;
    PgArray every, ids, attempts, epochs, statuses, sandboxes, started, completed, durations, codes, signals,
        details, untold;
    PgArray runs, runAttempts, runEpochs, positions, states, testCodes, testSignals, begins, ends, lengths,
        bytes, cut, why, cases;
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const RunOutcome& o = outcomes[i];
        // The same outcome twice in a batch: the first counts.
        if (!places.emplace(nameOf(o.runId, o.attempt, o.leaseEpoch), i).second) continue;
        every.add(o.runId);
        ids.add(o.runId);
        attempts.add(std::int64_t{o.attempt});
        epochs.add(o.leaseEpoch);
        statuses.addQuoted(toText(o.status));
        sandboxes.addQuoted(o.sandbox);
        started.add(o.startedAt);
        completed.add(o.completedAt);
        durations.addMaybe(o.startedAt ? std::optional((o.completedAt - o.startedAt) / 1000) : std::nullopt);
        codes.addMaybe(o.exitCode);
        signals.addMaybe(o.signal);
        details.addQuoted(o.errorDetails);
        untold.add(std::string_view(o.startUntold ? "t" : "f"));
        for (const RunTest& test : o.tests) {
            runs.add(o.runId);
            runAttempts.add(std::int64_t{o.attempt});
            runEpochs.add(o.leaseEpoch);
            positions.add(std::int64_t{test.position});
            states.addQuoted(toText(test.status));
            testCodes.addMaybe(test.exitCode);
            testSignals.addMaybe(test.signal);
            begins.addMaybe(test.startedAt);
            ends.addMaybe(test.completedAt);
            lengths.addMaybe(test.durationMs);
            bytes.add(test.outputBytes);
            cut.add(std::string_view(test.truncated ? "t" : "f"));
            why.addQuoted(test.errorDetails);
            cases.addQuoted(test.casesJson);
        }
    }
    const PgCommand commands[] = {
        {kLockRuns, {every.take()}}, // several in one order; together, one implicit transaction
        {kFinish, {ids.take(),       attempts.take(),  epochs.take(),    statuses.take(),    sandboxes.take(),
                   started.take(),   completed.take(), durations.take(), codes.take(),       signals.take(),
                   details.take(),   untold.take(),    runs.take(),      runAttempts.take(), runEpochs.take(),
                   positions.take(), states.take(),    testCodes.take(), testSignals.take(), begins.take(),
                   ends.take(),      lengths.take(),   bytes.take(),     cut.take(),         why.take(),
                   cases.take()}}};
    const std::span<const PgCommand> all(commands);
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const std::vector<PgResult> results =
            connection.run(all.subspan(places.size() > 1 ? 0 : 1), deadline);
        const PgResult& ended = results.back();
        for (int row = 0; row < ended.size(); ++row)
            ours[places.at(nameOf(ended.view(row, 0), ended.integer(row, 1), ended.integer(row, 2)))] = true;
    });
    return ours;
}

std::vector<std::string> PostgresRunStore::noteLastRuns(const std::map<std::string, Micros>& lastRuns) {
    std::vector<std::string> held;
    PgArray jobs, times;
    for (const auto& [job, at] : lastRuns) {
        jobs.add(job);
        times.add(at);
    }
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand commands[] = {{kNoFsync}, {kLastRuns, {jobs.take(), times.take()}}};
        const std::vector<PgResult> results = connection.run(commands, deadline);
        for (int row = 0; row < results[1].size(); ++row) held.push_back(results[1].text(row, 0));
    });
    return held;
}

bool PostgresRunStore::retry(const RunOutcome& outcome, std::chrono::milliseconds delay) {
    bool ours = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand command{
            kRetry,
            {sqlValue(outcome.runId), sqlValue(std::int64_t{outcome.attempt}), sqlValue(outcome.leaseEpoch),
             sqlValue(outcome.completedAt), sqlValue(toText(outcome.status)), sqlValue(describeEnd(outcome)),
             sqlValue(describeRetry(outcome, delay)), sqlValue(Micros{delay.count()} * 1000)}};
        ours = connection.run(command, deadline).size() > 0;
    });
    return ours;
}

RunStatus PostgresRunStore::giveUp(const ClaimedRun& run, const std::string& why, Micros now) {
    RunStatus status = RunStatus::lost;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const auto state = lockState(connection, run.runId, deadline);
        if (state) status = state->status;
        if (!state || status != RunStatus::running || state->attempt != run.attempt ||
            state->epoch != run.leaseEpoch) {
            connection.run(PgCommand{"ROLLBACK"}, deadline);
            return;
        }
        const SqlValue id = sqlValue(run.runId);
        if (state->rerun && !state->cancelAsked) {
            const PgCommand commands[] = {{kRequeue, {id}},
                                          {kDropTests, {id}},
                                          event(run.runId, now, "requeued", state->node, run.attempt, why),
                                          {kCommit}};
            connection.run(commands, deadline);
            status = RunStatus::queued;
            return;
        }
        const RunStatus end = state->cancelAsked ? RunStatus::cancelled : RunStatus::lost;
        PgArray ids;
        ids.add(run.runId);
        const PgCommand commands[] = {{kEnd, {id, sqlValue(toText(end)), sqlValue(now), sqlValue(why)}},
                                      {kEndTests, {ids.take()}},
                                      event(run.runId, now, toText(end), state->node, run.attempt, why),
                                      {kCommit}};
        connection.run(commands, deadline);
        status = end;
    });
    return status;
}

RunStore::Cancel PostgresRunStore::requestCancel(const std::string& runId, const std::string& by,
                                                 Micros now) {
    Cancel cancel = Cancel::notFound;
    const auto uuid = parseUuid(runId);
    if (!uuid) return cancel;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const auto state = lockState(connection, *uuid, deadline);
        if (state)
            cancel = hasEnded(state->status)              ? Cancel::alreadyEnded
                     : state->status == RunStatus::queued ? Cancel::cancelled
                                                          : Cancel::requested;
        if (!state || cancel == Cancel::alreadyEnded || (state->cancelAsked && cancel == Cancel::requested)) {
            connection.run(PgCommand{"ROLLBACK"}, deadline);
            return;
        }
        const SqlValue id = sqlValue(*uuid);
        std::vector<PgCommand> commands;
        commands.push_back({kAskCancel, {id, sqlValue(now)}});
        commands.push_back(event(*uuid, now, "cancel-requested", state->node, state->attempt, by));
        if (cancel == Cancel::cancelled) {
            commands.push_back(
                {kEnd, {id, sqlValue(toText(RunStatus::cancelled)), sqlValue(now), std::string()}});
            commands.push_back(event(*uuid, now, "cancelled", state->node, state->attempt, by));
        }
        commands.push_back({kCommit});
        connection.run(commands, deadline);
    });
    return cancel;
}

std::vector<std::string> PostgresRunStore::runsToEnd(std::span<const std::string> runIds) {
    std::vector<std::string> toEnd;
    if (runIds.empty()) return toEnd;
    PgArray ids;
    for (const std::string& id : runIds) ids.add(id);
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kToEnd, {ids.take()}}, deadline);
        for (int row = 0; row < rows.size(); ++row) toEnd.push_back(rows.text(row, 0));
    });
    return toEnd;
}

} // namespace usher
