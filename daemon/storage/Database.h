#pragma once

#include "domain/JobStore.h"
#include "domain/NodeStore.h"
#include "domain/RetentionStore.h"
#include "domain/RunStore.h"
#include "domain/ScheduleStore.h"
#include "domain/SecretStore.h"
#include "domain/TriggerStore.h"
#include "domain/WebhookStore.h"
#include "domain/WriterTurn.h"
#include "storage/Migrator.h"

#include <memory>
#include <string>

namespace usher {

struct DatabaseSettings {
    std::string url; ///< sqlite:///absolute/path | postgresql://user@host:port/name[?host=/socket/folder]
    std::string password; ///< empty: none; may contain anything but NUL and line ends
    int connections = 8;  ///< at most this many to PostgreSQL, or readers of the SQLite file; 4 to 64
};

/// The stores over one database, and what must be known about it as a whole. Owned by main, outlives
/// everybody who uses a store. [any-thread]
///
/// Nothing connects before the first call. Run migrator().apply() before any store is used. Every store call
/// answers or throws StorageUnavailable within 1.8 s (or by its own deadline), also when the server is
/// frozen; after a failure the connections are renewed in the background, and calls fail at once until that
/// works. Texts must not contain NUL: PostgreSQL cannot store it, and the door refuses it.
class Database {
public:
    enum class Kind { sqlite, postgres };

    /// Throws std::invalid_argument for a URL that it cannot read, with what to write instead.
    static std::unique_ptr<Database> open(const DatabaseSettings&);
    /// Why open() would not read this URL, for people; empty: it would.
    static std::string whyNotUrl(const std::string& url);
    virtual ~Database() = default;

    virtual Kind kind() const = 0;
    virtual Migrator& migrator() = 0;
    virtual JobStore& jobs() = 0;
    virtual TriggerStore& triggers() = 0;
    virtual RunStore& runs() = 0;
    virtual NodeStore& nodes() = 0;
    virtual SecretStore& secrets() = 0;
    virtual ScheduleStore& schedules() = 0;
    virtual WebhookStore& webhooks() = 0;
    virtual RetentionStore& retention() = 0;
    /// What every writer of the SQLite file waits for, the plugins too. Null on PostgreSQL.
    virtual WriterTurn* turn() = 0;
    /// False, with the reason, while the last attempt to reach the database failed. Asks nobody: for /readyz
    /// and metrics; NodeStore::ping() is the real question.
    virtual bool healthy(std::string& reason) const = 0;
};

} // namespace usher
