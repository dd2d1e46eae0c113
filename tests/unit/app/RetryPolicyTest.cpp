#include "app/RetryPolicy.h"

#include <cppunit/extensions/HelperMacros.h>

#include <set>

using namespace usher;

class RetryPolicyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RetryPolicyTest);
    CPPUNIT_TEST(onlyWhatFailedIsTriedAgain);
    CPPUNIT_TEST(theDelayDoublesAndVaries);
    CPPUNIT_TEST_SUITE_END();

    static std::optional<std::chrono::milliseconds> after(RetryPolicy& policy, int retries, int attempt,
                                                          RunStatus status = RunStatus::failed) {
        ClaimedRun run;
        run.retries = retries;
        RunOutcome outcome;
        outcome.attempt = attempt;
        outcome.status = status;
        return policy.delayAfter(run, outcome);
    }

    void onlyWhatFailedIsTriedAgain() {
        RetryPolicy policy(1);
        for (RunStatus status : {RunStatus::failed, RunStatus::error, RunStatus::timeout})
            CPPUNIT_ASSERT(after(policy, 1, 1, status));
        for (RunStatus status : {RunStatus::passed, RunStatus::cancelled, RunStatus::lost})
            CPPUNIT_ASSERT(!after(policy, 1, 1, status));
        CPPUNIT_ASSERT(!after(policy, 0, 1));
        CPPUNIT_ASSERT(after(policy, 3, 3));
        CPPUNIT_ASSERT(!after(policy, 3, 4));
    }

    void theDelayDoublesAndVaries() {
        RetryPolicy policy(1);
        std::int64_t most[] = {1000, 2000, 4000, 8000, 16'000, 32'000, 64'000, 128'000, 256'000, 300'000};
        for (int attempt = 1; attempt <= 10; ++attempt) {
            std::set<std::int64_t> seen;
            for (int i = 0; i < 100; ++i) {
                const std::int64_t delay = after(policy, 10, attempt)->count();
                CPPUNIT_ASSERT(delay >= most[attempt - 1] / 2 && delay <= most[attempt - 1]);
                seen.insert(delay);
            }
            CPPUNIT_ASSERT(seen.size() > 20);
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RetryPolicyTest);
