// How long a claim takes with 100 runs queued, and with 100,000: the queue's length must not matter. Part of
// run-scale.
//
//     build/release/bin/bench_claim_queue sqlite:///tmp/short.db sqlite:///tmp/long.db
//
// Both databases must be empty. Ten jobs; a claim takes one run, which is finished before the next claim; the
// two take turns, so that both meet the same machine.
#include "base/Uuid.h"
#include "storage/Database.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace usher;

namespace {

constexpr int kJobs = 10;
constexpr int kClaims = 2000;

struct Bench {
    std::unique_ptr<Database> database;
    std::vector<Job> jobs;

    explicit Bench(const std::string& url) : database(Database::open({url, "", 8})) {
        database->migrator().apply();
        for (int i = 0; i < kJobs; ++i) {
            JobSettings settings;
            settings.name = "bench " + std::to_string(i);
            Job job = database->jobs().createJob(settings, std::nullopt);
            TestSettings test;
            test.title = "t", test.type = "shell", test.script = "true";
            const std::string id = database->jobs().createTest(test).id;
            database->jobs().setTestsOf(job.id, std::vector<std::string>{id});
            jobs.push_back(database->jobs().findJob(job.id).value());
        }
    }

    void queue(int count) {
        std::vector<NewRun> rows;
        for (int i = 0; i < count; ++i) {
            NewRun run;
            run.runId = createUuid();
            const Job& job = jobs[static_cast<std::size_t>(i % kJobs)];
            run.jobId = job.id;
            run.revision = job.revision;
            run.trigger = "remote";
            run.parametersJson = "{}";
            run.queuedAt = SystemClock().now();
            rows.push_back(std::move(run));
            if (rows.size() == 512 || i + 1 == count) {
                database->triggers().insertRuns(rows,
                                                std::chrono::steady_clock::now() + std::chrono::seconds(60));
                rows.clear();
            }
        }
    }

    /// Microseconds. The run that is claimed is replaced by a new one, so that the queue stays as it is.
    double claim() {
        ClaimRequest request;
        request.nodeId = "bench";
        request.now = SystemClock().now();
        request.maxRuns = 1;
        const auto begin = std::chrono::steady_clock::now();
        const auto claimed = database->runs().claim(request);
        const auto end = std::chrono::steady_clock::now();
        if (claimed.size() != 1) std::fprintf(stderr, "nothing to claim\n"), std::exit(1);
        RunOutcome outcome;
        outcome.runId = claimed[0].runId;
        outcome.attempt = claimed[0].attempt;
        outcome.leaseEpoch = claimed[0].leaseEpoch;
        outcome.status = RunStatus::passed;
        outcome.startedAt = outcome.completedAt = request.now;
        database->runs().finish({&outcome, 1});
        queue(1);
        return std::chrono::duration<double, std::micro>(end - begin).count();
    }
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: bench_claim_queue URL URL\n"), 2;
    struct Side {
        int queued;
        Bench bench;
        std::vector<double> times;
    } sides[] = {{100, Bench(argv[1]), {}}, {100'000, Bench(argv[2]), {}}};
    for (Side& side : sides) side.bench.queue(side.queued);
    for (int i = 0; i < kClaims; ++i)
        for (Side& side : sides) side.times.push_back(side.bench.claim());
    for (Side& side : sides) {
        std::sort(side.times.begin(), side.times.end());
        std::printf("%d queued: p50 %.1f ms, p99 %.1f ms; ", side.queued, side.times[kClaims / 2] / 1000,
                    side.times[kClaims * 99 / 100] / 1000);
    }
    std::printf("p50 %.2f and p99 %.2f times\n", sides[1].times[kClaims / 2] / sides[0].times[kClaims / 2],
                sides[1].times[kClaims * 99 / 100] / sides[0].times[kClaims * 99 / 100]);
    return 0;
}
