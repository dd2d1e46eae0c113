#pragma once

#include <string>
#include <vector>

namespace usher::test {

/// Fresh databases for one test: a SQLite file in a temporary folder always, and a PostgreSQL database of its
/// own when USHER_TEST_PG_URL names a server (postgresql://user@host:port/postgres). Dropped with the object.
class TestDatabases {
public:
    TestDatabases();
    ~TestDatabases();
    TestDatabases(const TestDatabases&) = delete;
    TestDatabases& operator=(const TestDatabases&) = delete;

    /// Urls as the plugins take them.
    std::vector<std::string> urls() const;
    const std::string& sqlite() const { return _sqlite; }
    const std::string& postgres() const { return _postgres; } ///< empty: there is no server
    const std::string& folder() const { return _folder; }

private:
    std::string _folder, _sqlite, _postgres, _name;
};

/// The whole of a command's SQL against `url`, for what a test sets up by hand. Throws std::runtime_error.
void execute(const std::string& url, const std::string& sql);
/// A PostgreSQL transaction that has run `sql` and stays open as long as the object: it holds its locks.
class HeldRow {
public:
    HeldRow(const std::string& url, const std::string& sql);
    ~HeldRow();
    HeldRow(const HeldRow&) = delete;
    HeldRow& operator=(const HeldRow&) = delete;

private:
    void* _connection;
};

/// The first column of the first row, "" when there is none or it is NULL.
std::string scalar(const std::string& url, const std::string& sql);

} // namespace usher::test
