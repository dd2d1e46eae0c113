// How long a claim takes with 100 runs queued, and with 100,000: the queue's length must not matter.
//
//     build/release/bin/bench_claim_queue sqlite:///tmp/claim.db
//     tests/support/with-postgres build/release/bin/bench_claim_queue          # USHER_TEST_PG_URL
//
// The database must be empty. Ten jobs; each claim takes one run, which is finished before the next claim.
#include "base/Uuid.h"
#include "storage/Database.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

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

    /// Microseconds, sorted. Each run that is claimed is replaced by a new one, so that the queue stays as it
    /// is.
    std::vector<double> claims() {
        std::vector<double> times;
        for (int i = 0; i < kClaims; ++i) {
            ClaimRequest request;
            request.nodeId = "bench";
            request.now = SystemClock().now();
            request.maxRuns = 1;
            const auto begin = std::chrono::steady_clock::now();
            const auto claimed = database->runs().claim(request);
            const auto end = std::chrono::steady_clock::now();
            if (claimed.size() != 1) std::fprintf(stderr, "nothing to claim\n"), std::exit(1);
            times.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
            RunOutcome outcome;
            outcome.runId = claimed[0].runId;
            outcome.attempt = claimed[0].attempt;
            outcome.leaseEpoch = claimed[0].leaseEpoch;
            outcome.status = RunStatus::passed;
            outcome.startedAt = outcome.completedAt = request.now;
            database->runs().finish({&outcome, 1});
            queue(1);
        }
        std::sort(times.begin(), times.end());
        return times;
    }
};

} // namespace

int main(int argc, char** argv) {
    const char* fromTests = std::getenv("USHER_TEST_PG_URL");
    if (argc < 2 && !fromTests) return std::fprintf(stderr, "usage: bench_claim_queue URL\n"), 2;
    Bench bench(argc > 1 ? argv[1] : fromTests);
    double before = 0, middle = 0;
    int queued = 0;
    for (int wanted : {100, 100'000}) {
        bench.queue(wanted - queued);
        queued = wanted;
        const auto times = bench.claims();
        const double p50 = times[times.size() / 2], p90 = times[times.size() * 9 / 10];
        const double p99 = times[times.size() * 99 / 100];
        std::printf("queued=%d claims=%zu p50=%.0fus p90=%.0fus p99=%.0fus", queued, times.size(), p50, p90,
                    p99);
        if (before > 0)
            std::printf(" p50 is %.2f and p99 %.2f times that of 100", p50 / middle, p99 / before);
        std::printf("\n");
        middle = p50;
        before = p99;
    }
    return 0;
}
