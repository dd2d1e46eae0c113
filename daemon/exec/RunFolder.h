#pragma once

#include "base/UniqueFd.h"
#include "domain/Executor.h"

#include <string>

namespace usher {

/// Makes the folder for runs' folders, mode 0711, when it is missing; as root with the owner of the folder
/// that it is in. Throws std::runtime_error.
void makeRunsDir(const std::string& runsDir);
/// Why the tests' own uids could not reach folders below this one: a message with the chmod that helps. "" =
/// they can.
std::string whyNotReachable(const std::string& runsDir);

/// The files of runs below one folder: `<runsDir>/<runId>/attempt-N/…`. Ids must be UUIDs; every path is
/// opened beneath the run's folder and no link is followed, so nothing outside can be named. [any-thread];
/// safe while leaders write. A run or file that is not there is an empty answer; other failures throw
/// std::system_error.
class RunFolder : public RunFiles {
public:
    explicit RunFolder(std::string runsDir);

    std::optional<LogSlice> readLog(const std::string& runId, int attempt, int test, std::int64_t offset,
                                    std::size_t maxBytes) override;
    std::vector<JournalEntry> readJournal(const std::string& runId, int attempt, const std::string& afterId,
                                          std::size_t maxBytes) override;
    std::vector<Artifact> listArtifacts(const std::string& runId, int attempt) override;
    int openArtifact(const std::string& runId, int attempt, const std::string& path) override;
    void remove(const std::string& runId) override;
    std::vector<std::string> listRuns() override;
    bool tryDiscard(const std::string& runId) override;

private:
    /// The attempt's folder; none when there is none.
    UniqueFd openAttempt(const std::string& runId, int attempt) const;

    std::string _runsDir;
};

} // namespace usher
