#pragma once

#include "common/Pool.h"
#include "common/PostgresConnection.h"

namespace usher::plugin {

/// Database over libpq. Connections are made when they are needed; one that died while idle is replaced
/// before it is lent, so that a restart of the server fails nothing that begins after it. [any-thread]
class PostgresDatabase final : public Database {
public:
    PostgresDatabase(std::string url, std::string password, std::size_t connections);
    ~PostgresDatabase() override;

    Kind kind() const override { return Kind::postgres; }
    void read(Deadline deadline, const std::function<void(Session&)>& work) override;
    void write(Deadline deadline, const std::function<void(Session&)>& work) override;
    bool healthy(std::string& reason) const override { return _last.healthy(reason); }

    std::unique_ptr<PostgresConnection> connect(Deadline deadline) const;

private:
    class Lease;

    const std::string _url;
    std::string _password;
    Pool<PostgresConnection> _pool;
    LastAttempt _last;
};

} // namespace usher::plugin
