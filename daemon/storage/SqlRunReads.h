#pragma once

#include "domain/RunStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// The reading half of a RunStore, with the same statements on either database. [any-thread]
class SqlRunReads {
public:
    explicit SqlRunReads(SqlSource& source) : _source(source) {}

    /// Newest first: by id, which is a UUID version 7 and so in the order of time.
    Page<Run> listRuns(const RunFilter&);
    std::optional<Run> findRun(const std::string& id);

private:
    SqlSource& _source;
};

/// How an attempt ended, for its event: the error, else signal or exit code.
std::string describeEnd(const RunOutcome& outcome);
/// "attempt 2 in 750 ms"
std::string describeRetry(const RunOutcome& outcome, std::chrono::milliseconds delay);
/// runs.parameters as an environment; what is not a JSON object of strings reads as empty.
Environment environmentFromJson(const std::string& json);
/// job_revisions.tests: [{"testId", "title", "type", "script", "plain"}]. Unreadable text gives no tests: the
/// run then ends as an error instead of blocking the queue for ever.
std::vector<TestToRun> testsFromJson(const std::string& json);

} // namespace usher
