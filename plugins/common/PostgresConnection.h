#pragma once

#include "common/Database.h"

#include <libpq-fe.h>

#include <functional>
#include <unordered_map>

namespace usher::plugin {

/// The connection is gone; a statement that was under way may or may not have taken effect.
class ConnectionLost : public DatabaseUnavailable {
public:
    using DatabaseUnavailable::DatabaseUnavailable;
};

struct FreeResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresResult = std::unique_ptr<PGresult, FreeResult>;

/// One libpq connection, used asynchronously: every wait ends at the caller's deadline, also when the server
/// is frozen and could not fire a timeout of its own. Only the resolution of a host's name blocks inside
/// libpq; use an address where that matters. After a failure that leaves the protocol in doubt it is broken()
/// for good. Not synchronised.
class PostgresConnection {
public:
    /// Connects; throws DatabaseUnavailable.
    PostgresConnection(const std::string& url, const std::string& password, Deadline deadline);

    /// Prepares on first use. Throws what Database.h promises.
    PostgresResult run(std::string_view sql, const std::vector<Param>& params, Deadline deadline);
    /// The simple protocol: several statements, no parameters.
    void script(std::string_view sql, Deadline deadline);

    bool broken() const { return _broken || PQstatus(_connection.get()) != CONNECTION_OK; }
    /// Has the server said goodbye while nobody looked? Never blocks.
    bool deadWhileIdle();
    bool inTransaction() const;

private:
    struct Finish {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    const std::string& prepared(std::string_view sql, Deadline deadline);
    void sent(int ok);
    PostgresResult answer(Deadline deadline);
    void await(short events, Deadline deadline);
    [[noreturn]] void fail(const PGresult* result);

    std::unique_ptr<PGconn, Finish> _connection;
    std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> _prepared;
    std::vector<const char*> _values; ///< kept, so that a statement allocates nothing for its parameters
    bool _broken = false;
};

} // namespace usher::plugin
