#pragma once

#include "base/Mutex.h"
#include "base/UniqueFd.h"
#include "storage/PgConnection.h"
#include "storage/SocketWatchdog.h"
#include "storage/SqlSource.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace usher {

/// Where a PostgreSQL is. From postgresql://user@host:port/name.
struct PgTarget {
    std::string user, host, port = "5432", name;
    std::string password; ///< handed to libpq in a file that exists in memory only

    /// Throws std::invalid_argument.
    static PgTarget parse(const std::string& url, const std::string& password);
};

/// A bounded set of Poco sessions to one PostgreSQL. [any-thread]
///
/// DESIGN. Not Poco's SessionPool: it connects under its mutex, so that a server that does not answer blocks
/// everybody. Here one thread connects, nobody else: callers take an idle session or wait for the thread,
/// each to its own deadline. When a connection attempt or an answer fails to come, the set is "down": idle
/// sessions are dropped, callers fail at once, and the thread tries again every 200 ms until it succeeds. So
/// a frozen server costs some callers one deadline and the others nothing, and a restarted one is found
/// within a fraction of a second. Sessions that a restart has killed are told by their socket and thrown away
/// before they are lent.
class PgSessions final : public SqlSource {
public:
    using Use = std::function<void(PgConnection&)>;

    /// `settings`: SET statements for each new session.
    PgSessions(PgTarget target, std::string settings, int limit);
    ~PgSessions() override;

    Kind kind() const override { return Kind::postgres; }
    void read(const Work&) override;
    void write(const Work&) override;

    /// Lends a connection for prepared statements. A transaction that `use` leaves open is rolled back.
    void with(Instant deadline, const Use& use);
    bool healthy(std::string& reason) const;

private:
    struct Session {
        Session(Poco::Data::Session poco, PGconn* handle) : poco(std::move(poco)), connection(handle) {}
        Poco::Data::Session poco;
        PgConnection connection;
    };
    using Loan = std::unique_ptr<Session>;

    Loan borrow(Instant deadline);
    void giveBack(Loan);
    /// A connection broke under a call that began then: perhaps the server is frozen.
    void suspect(Instant began, const std::string& reason);
    Loan connect();
    void tryToConnect(const std::string& string) const;
    [[noreturn]] void cannotConnect(const std::string& why) const;
    void keepConnecting();
    void runWork(bool transaction, const Work& work);
    void runOnce(Session&, bool transaction, const Work& work, Instant deadline);

    const PgTarget _target;
    const std::string _settings;
    const int _limit;
    UniqueFd _passwordFile;
    SocketWatchdog _watchdog;

    mutable Mutex _mutex;
    Condition _changed; ///< for callers: a session came back, or hope is gone
    Condition _needed;  ///< for the connecting thread
    std::vector<Loan> _idle GUARDED_BY(_mutex);
    int _open GUARDED_BY(_mutex) = 0; ///< idle and lent
    int _waiting GUARDED_BY(_mutex) = 0;
    bool _down GUARDED_BY(_mutex) = false;
    std::string _reason GUARDED_BY(_mutex);
    bool _stop GUARDED_BY(_mutex) = false;
    std::thread _connector;
};

} // namespace usher
