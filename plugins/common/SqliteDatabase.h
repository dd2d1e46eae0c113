#pragma once

#include "common/Pool.h"

#include <sqlite3.h>

namespace usher::plugin {

class SqliteConnection;

/// Database over sqlite3: WAL, synchronous FULL, foreign keys on. Writers queue by the Turn that the host
/// lends and then take SQLite's own lock; readers never wait for them. [any-thread]
class SqliteDatabase final : public Database {
public:
    SqliteDatabase(std::string path, std::size_t connections, Turn turn);
    ~SqliteDatabase() override;

    Kind kind() const override { return Kind::sqlite; }
    void read(Deadline deadline, const std::function<void(Session&)>& work) override;
    void write(Deadline deadline, const std::function<void(Session&)>& work) override;
    bool healthy(std::string& reason) const override { return _last.healthy(reason); }

private:
    void lend(Deadline deadline, const std::function<void(SqliteConnection&)>& work);

    const std::string _path;
    const Turn _turn;
    Pool<SqliteConnection> _pool;
    LastAttempt _last;
};

} // namespace usher::plugin
