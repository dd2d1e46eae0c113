// Two figures: from start() to the first test's process, one run at a time; and runs a second with the
// pipeline kept full. Arguments: LAUNCHER LEADER FOLDER [basic|none] [RUNS] [AT ONCE]. The folder must be
// enterable by tests.
#include "base/Mutex.h"
#include "base/Uuid.h"
#include "exec/LeaderProcess.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

using namespace usher;

namespace {

class Counter : public ExecutionListener {
public:
    void started(const ClaimedRun&, const std::string&, Micros at) override { lastStart = at; }
    void testChanged(const ClaimedRun&, const RunTest&) override {}
    void journalGrew(const std::string&) override {}
    void finished(const ClaimedRun&, RunOutcome outcome) override {
        Lock lock(mutex);
        ++done;
        passed += outcome.status == RunStatus::passed;
        changed.notifyAll();
    }
    void vanished(const ClaimedRun&, const std::string&) override { finished({}, {}); }
    void waitFor(int count) {
        Lock lock(mutex);
        while (done < count) changed.wait(lock);
    }

    Mutex mutex;
    Condition changed;
    std::atomic<Micros> lastStart{0};
    int done = 0;
    int passed = 0;
};

ClaimedRun job() {
    ClaimedRun run;
    run.runId = createUuid();
    run.jobId = createUuid();
    run.tests.push_back({0, createUuid(), "true", "exec", "/bin/true", true});
    return run;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    ExecSettings settings;
    settings.launcherPath = argv[1];
    settings.leaderPath = argv[2];
    settings.runsDir = std::string(argv[3]) + "/runs";
    settings.configFile = std::string(argv[3]) + "/usherd.conf";
    settings.sandbox = argc > 4 ? argv[4] : "basic";
    int runs = argc > 5 ? std::atoi(argv[5]) : 500, atOnce = argc > 6 ? std::atoi(argv[6]) : 8;
    std::ofstream(settings.configFile)
        << "[exec]\nsandbox = " << settings.sandbox << "\nexec_allow = /bin/true\n";
    Counter counter;
    SystemClock clock;
    LeaderProcess executor(std::move(settings), counter, clock);

    std::vector<Micros> starts, ends;
    for (int i = 0; i < 200; ++i) {
        Micros before = clock.now();
        executor.start(job());
        counter.waitFor(i + 1);
        ends.push_back(clock.now() - before);
        starts.push_back(counter.lastStart - before);
    }
    std::sort(starts.begin(), starts.end());
    std::sort(ends.begin(), ends.end());
    std::printf(
        "start() to first process: p50 %.2f ms, p95 %.2f ms; to finished(): p50 %.2f ms, p95 %.2f ms\n",
        starts[100] / 1e3, starts[190] / 1e3, ends[100] / 1e3, ends[190] / 1e3);
    Micros before = clock.now();
    for (int i = 0; i < runs; ++i) {
        counter.waitFor(200 + i + 1 - atOnce);
        executor.start(job());
    }
    counter.waitFor(200 + runs);
    std::printf("%d runs, %d at once: %.0f runs/s (%d of %d passed)\n", runs, atOnce,
                runs / ((clock.now() - before) / 1e6), counter.passed, counter.done);
}
