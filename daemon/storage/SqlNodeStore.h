#pragma once

#include "domain/NodeStore.h"
#include "storage/SqlSource.h"

#include <functional>

namespace usher {

/// Nodes and the audit log on either database. [any-thread]
class SqlNodeStore final : public NodeStore {
public:
    /// `ping` makes one round trip by a deadline: how, is the database's own affair.
    SqlNodeStore(SqlSource& source, std::function<void(Instant)> ping)
        : _source(source), _ping(std::move(ping)) {}

    void registerNode(const Node&) override;
    void beat(const std::string& nodeId, Micros now) override;
    std::vector<Node> listNodes() override;
    void appendAudit(const std::vector<AuditRecord>&) override;
    Page<AuditEntry> listAudit(const AuditFilter&) override;
    bool pruneAudit(Micros before, int atMost) override;
    SetupChange replaceSetupToken(const std::string& hash, const std::string& nodeName, Micros now) override;
    void ping(Instant deadline) override { _ping(deadline); }

private:
    SqlSource& _source;
    const std::function<void(Instant)> _ping;
};

} // namespace usher
