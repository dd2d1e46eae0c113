// What becomes of a run: what its folder tells, and how it ends.

#include "exec/Journal.h"
#include "exec/LeaderLoop.h"
#include "exec/ProcessTable.h"

#include <stdexcept>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr int kMaxAsks = 3; ///< of a launcher, for one run
constexpr auto kBirth = 2s; ///< how long a leader may take from its folder to its identity

} // namespace

/// The connection is gone (or there never was one): what does the folder say?
bool LeaderProcess::Loop::settle(Followed& one) {
    try {
        if (one.folder.begun()) readJournal(one);
        if (auto outcome = one.end ? one.folder.resultIn(*one.end) : std::nullopt) {
            for (const RunTest& test : outcome->tests)
                if (test.position == one.lastResult) _listener.testChanged(one.run, test);
            finish(one, std::move(*outcome));
            return false;
        }
    } catch (const std::runtime_error& error) {
        finishWithout(one, RunStatus::error, error.what());
        return false;
    }
    if (!one.leaderProblem.empty()) {
        finishWithout(one, RunStatus::error, one.leaderProblem);
        return false;
    }
    if (!one.folder.begun()) {
        // The launcher died with the request, or the leader before its first act: nothing has run.
        if (one.cancelled) {
            finishWithout(one, RunStatus::cancelled, "");
            return false;
        }
        if (one.asks < kMaxAsks) {
            later(one, State::waiting, one.asks ? 20ms : 0ms);
            return true;
        }
        finishWithout(one, RunStatus::error, "usher-leader could not be started");
        return false;
    }
    auto identity = one.folder.identity();
    if (identity && identity->bootId == bootId() && isAlive(identity->pid, identity->startTicks)) {
        one.control = one.folder.connect();
        if (!one.control) {
            later(one, State::lost, 20ms); // it is ending just now
            return true;
        }
        one.state = State::following;
        one.nextAt.reset();
        watch(one.control.get());
        brief(one);
        return readJournal(one);
    }
    if (!identity && _clock.instant() - one.since < kBirth) {
        later(one, State::lost, 20ms);
        return true;
    }
    // Between the first look for a result and the look at the process it may have ended well.
    if (!one.end) {
        readJournal(one);
        if (one.end) return settle(one);
    }
    vanish(one, identity ? "its leader (pid " + std::to_string(identity->pid) + ") is gone and left no result"
                         : "its leader is gone and left no trace");
    return false;
}

bool LeaderProcess::Loop::readJournal(Followed& one) {
    const int folder = one.folder.descriptor();
    bool grew = false;
    for (bool more = folder >= 0; more;) {
        auto lines = JournalLines::read(folder, one.journalOffset, 1u << 20);
        more = !lines.empty();
        grew = grew || more;
        for (JournalLines::Line& line : lines) {
            one.journalOffset = line.end;
            const std::string type = line.entry.value("t", "");
            if (type == "state" && line.entry.value("status", "") == "running" && !one.started) {
                one.started = true;
                _listener.started(one.run, line.entry.value("sandbox", ""),
                                  line.entry.value("at", Micros{0}));
            } else if (type == "test") {
                for (const TestToRun& test : one.run.tests)
                    if (test.position == line.entry.value("test", -1)) {
                        RunTest running = pendingTest(test);
                        running.status = TestStatus::running;
                        running.startedAt = line.entry.value("at", Micros{0});
                        _listener.testChanged(one.run, running);
                    }
            } else if (type == "result") {
                const int position = line.entry.value("test", -1);
                if (auto test = one.folder.testResult(position))
                    _listener.testChanged(one.run, *test);
                else
                    one.lastResult = position;
            } else if (type == "end") {
                one.end = std::move(line.entry);
            }
        }
    }
    if (grew) _listener.journalGrew(one.run.runId);
    return true;
}

void LeaderProcess::Loop::finish(Followed& one, RunOutcome outcome) {
    if (outcome.status == RunStatus::lost) return vanish(one, outcome.errorDetails);
    ClaimedRun run = std::move(one.run);
    outcome.leaseEpoch = run.leaseEpoch;
    _runs.erase(nameOf(run));
    _listener.finished(run, std::move(outcome));
}

void LeaderProcess::Loop::finishWithout(Followed& one, RunStatus status, const std::string& why) {
    RunOutcome outcome;
    outcome.runId = one.run.runId;
    outcome.attempt = one.run.attempt;
    outcome.status = status;
    outcome.sandbox = _sandbox;
    outcome.startedAt = outcome.completedAt = _clock.now();
    outcome.errorDetails = why;
    for (const TestToRun& test : one.run.tests) {
        outcome.tests.push_back(pendingTest(test));
        outcome.tests.back().status = TestStatus::skipped;
    }
    finish(one, std::move(outcome));
}

void LeaderProcess::Loop::vanish(Followed& one, const std::string& why) {
    ClaimedRun run = std::move(one.run);
    _runs.erase(nameOf(run));
    _listener.vanished(run, why);
}

} // namespace usher
