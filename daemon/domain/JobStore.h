#pragma once

#include "domain/Job.h"

#include <span>
#include <string>
#include <vector>

namespace usher {

template <class T>
struct Page {
    std::vector<T> items;
    std::string nextCursor; ///< empty: this was the last page
};

struct PageRequest {
    int limit = 50;     ///< 1 to 200
    std::string cursor; ///< what the page before gave; empty: from the start
};

/// Jobs and tests. [any-thread] Every call may throw StorageUnavailable; none keeps a lock after it returns.
/// Rows count as changed for every node when a call returns. Cursors are opaque; a malformed one reads as the
/// start.
class JobStore {
public:
    enum class Removal { removed, notFound, inUse };
    enum class ListChange { changed, jobNotFound, testNotFound };

    virtual ~JobStore() = default;

    virtual Page<Job> listJobs(const PageRequest&) = 0; ///< oldest first
    virtual std::optional<Job> findJob(const std::string& id) = 0;
    virtual Job createJob(const JobSettings&, const std::optional<std::string>& createdByUserId) = 0;
    /// Writes every setting of the job that was `seen`; the revision counts up. Nothing, and nothing is
    /// written, when it has another revision by now, or is gone: read it again.
    virtual std::optional<Job> updateJob(const Job& seen, const JobSettings&) = 0;
    /// Runs and keys of the job go with it.
    virtual bool deleteJob(const std::string& id) = 0;

    virtual Page<Test> listTests(const PageRequest&) = 0; ///< oldest first
    virtual std::optional<Test> findTest(const std::string& id) = 0;
    virtual Test createTest(const TestSettings&) = 0;
    /// As updateJob(); a test is told apart by its updatedAt.
    virtual std::optional<Test> updateTest(const Test& seen, const TestSettings&) = 0;
    /// inUse while any job lists it.
    virtual Removal deleteTest(const std::string& id) = 0;

    /// The ordered tests of a job, without their scripts; empty for an unknown job.
    virtual std::vector<Test> testsOf(const std::string& jobId) = 0;
    /// Replaces the ordered list. All or nothing.
    virtual ListChange setTestsOf(const std::string& jobId, std::span<const std::string> testIds) = 0;
};

} // namespace usher
