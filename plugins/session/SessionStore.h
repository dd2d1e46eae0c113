#pragma once

#include "session/UserStore.h"

namespace usher::session {

/// A session with the user whom it belongs to. Never the token.
struct SignedIn {
    std::string sessionId;
    std::int64_t expiresAt = 0, createdAt = 0, updatedAt = 0; ///< microseconds since 1970
    std::optional<std::string> ipAddress, userAgent;
    bool bearer = false;
    bool due = false; ///< its last extension is older than a day
    User user;
};

/// The table session. Every find reads the database: nothing is cached, so a deleted session is dead at once.
/// Throws DatabaseUnavailable. [any-thread]
class SessionStore {
public:
    SessionStore(plugin::Database& database, const Dialect& dialect);

    struct New {
        std::string storedToken, userId, passwordHash;
        std::string address, userAgent;
    };

    /// A valid session: not expired, its user not banned. `storedToken` as in session.token.
    std::optional<SignedIn> find(plugin::Deadline deadline, const std::string& storedToken);
    /// False when the user was banned or got another password since `passwordHash` was read: then no session
    /// is made.
    bool create(plugin::Deadline deadline, const New& session);
    /// To now + 7 days, if it is still valid and due. False: somebody else did, or it is over.
    bool extend(plugin::Deadline deadline, const std::string& storedToken);
    /// False: there was none.
    bool remove(plugin::Deadline deadline, const std::string& storedToken);
    bool removeById(plugin::Deadline deadline, const std::string& id);
    /// The valid ones, by id, those after `afterId`.
    std::vector<SignedIn> list(plugin::Deadline deadline, const std::string& afterId, std::size_t limit);

private:
    plugin::Database& _database;
    const std::string _find, _lockUser, _mayCreate, _insert, _extend, _remove, _removeById, _list,
        _removeExpired;
};

} // namespace usher::session
