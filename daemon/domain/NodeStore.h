#pragma once

#include "base/Clock.h"
#include "domain/JobStore.h"

#include <optional>
#include <string>
#include <vector>

namespace usher {

struct Node {
    std::string id;
    std::string name;
    std::string bootId;
    std::string address; ///< where other nodes reach it; empty on a single node
    Micros startedAt = 0;
    Micros heartbeatAt = 0;
    bool draining = false;
};

struct AuditRecord {
    Micros at = 0;
    std::string actor;  ///< principal id, or "-" when unknown
    std::string action; ///< "key.create"
    std::string resource;
    std::string decision; ///< allowed, refused
    std::string code;
    std::string address;
    std::string requestId;
    std::string detail;
};

/// A record as it is read back; ids count up in the order of writing.
struct AuditEntry : AuditRecord {
    std::int64_t id = 0;
};

struct AuditFilter {
    std::optional<Micros> since, until; ///< since ≤ at < until
    std::optional<std::string> actor, action;
    PageRequest page; ///< its cursor is one that listAudit() gave
};

/// Nodes and the audit log. [any-thread]; may throw StorageUnavailable.
class NodeStore {
public:
    virtual ~NodeStore() = default;
    virtual void registerNode(const Node&) = 0;
    virtual void beat(const std::string& nodeId, Micros now) = 0;
    virtual std::vector<Node> listNodes() = 0;
    virtual void appendAudit(const std::vector<AuditRecord>&) = 0;
    virtual Page<AuditEntry> listAudit(const AuditFilter&) = 0; ///< newest first
    /// Deletes up to `atMost` of the oldest records from before `before`; true when more are left.
    virtual bool pruneAudit(Micros before, int atMost) = 0;

    enum class SetupChange { replaced, setupDone, noTable };
    /// Replaces the one-time token of the first setup, of which only the digest is kept; refused when there
    /// are users. noTable: the plugin that keeps users has not been started here yet.
    virtual SetupChange replaceSetupToken(const std::string& hash, const std::string& nodeName,
                                          Micros now) = 0;
    /// A round trip to the database; throws when it is away.
    virtual void ping(Instant deadline) = 0;
};

} // namespace usher
