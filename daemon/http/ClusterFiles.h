#pragma once

#include "base/Mutex.h"
#include "domain/Executor.h"
#include "domain/NodeStore.h"
#include "domain/RunStore.h"

#include <Poco/Net/HTTPResponse.h>

#include <map>

namespace usher {

/// The files of runs wherever they ran: our own from our folder, others' from their node over its `[cluster]
/// address` (ClusterDoor). Owned by main. [any-thread]; blocks at most about a second for another node.
/// Throws NodeUnreachable when that node does not answer, StorageUnavailable when nobody can say which node
/// it is.
class ClusterFiles final : public RunFiles {
public:
    /// `secret`: empty when this node has no [cluster] section: then only its own files are served.
    ClusterFiles(RunFiles& own, std::string nodeId, std::string secret, RunStore& runs, NodeStore& nodes,
                 const Clock& clock)
        : _own(own), _nodeId(std::move(nodeId)), _secret(std::move(secret)), _runs(runs), _nodes(nodes),
          _clock(clock) {}

    std::optional<LogSlice> readLog(const std::string& runId, int attempt, int test, std::int64_t offset,
                                    std::size_t maxBytes) override;
    std::vector<JournalEntry> readJournal(const std::string& runId, int attempt, const std::string& afterId,
                                          std::size_t maxBytes) override;
    std::vector<Artifact> listArtifacts(const std::string& runId, int attempt) override;
    /// Another node's artifact is fetched into a file without a name, which goes with the descriptor.
    int openArtifact(const std::string& runId, int attempt, const std::string& path) override;
    // Only ours.
    void remove(const std::string& runId) override { _own.remove(runId); }
    std::vector<std::string> listRuns() override { return _own.listRuns(); }
    bool tryDiscard(const std::string& runId) override { return _own.tryDiscard(runId); }

private:
    struct Holder {
        std::string id, name, address;
        Instant until; ///< asked again then
    };
    struct Answer {
        int status = 0;
        std::int64_t total = 0;
        std::string body;
    };

    /// The other node that ran this attempt; nothing when it was us or nobody.
    std::optional<Holder> otherHolder(const std::string& runId, int attempt) EXCLUDES(_mutex);
    Answer ask(const Holder& node, const std::string& target) const;

    RunFiles& _own;
    const std::string _nodeId, _secret;
    RunStore& _runs;
    NodeStore& _nodes;
    const Clock& _clock;
    Mutex _mutex;
    std::map<std::string, Holder> _holders GUARDED_BY(_mutex); ///< by "run/attempt"; at most 1,000
};

} // namespace usher
