#pragma once

#include "domain/JobStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// Jobs and tests on either database, with the same statements: nobody waits in line for these. [any-thread]
class SqlJobStore final : public JobStore {
public:
    explicit SqlJobStore(SqlSource& source) : _source(source) {}

    Page<Job> listJobs(const PageRequest&) override;
    std::optional<Job> findJob(const std::string& id) override;
    Job createJob(const JobSettings&, const std::optional<std::string>& createdByUserId) override;
    std::optional<Job> updateJob(const Job& seen, const JobSettings&) override;
    /// A long history goes in several transactions, the job last: a call that runs out of time has deleted a
    /// part of the ended runs and paused the job, and is to be repeated.
    bool deleteJob(const std::string& id) override;

    Page<Test> listTests(const PageRequest&) override;
    std::optional<Test> findTest(const std::string& id) override;
    Test createTest(const TestSettings&) override;
    std::optional<Test> updateTest(const Test& seen, const TestSettings&) override;
    Removal deleteTest(const std::string& id) override;

    std::vector<Test> testsOf(const std::string& jobId) override;
    ListChange setTestsOf(const std::string& jobId, std::span<const std::string> testIds) override;

private:
    /// SQLite locks the whole file instead.
    std::string locking(const char* clause) const {
        return _source.kind() == SqlSource::Kind::postgres ? clause : "";
    }

    SqlSource& _source;
};

} // namespace usher
