#pragma once

#include "base/Clock.h"

#include <Poco/Data/Session.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace usher {

/// What a request may wait for the database, all in all.
constexpr std::chrono::milliseconds kStorageBudget{1800};

inline Instant storageDeadline() {
    return std::chrono::steady_clock::now() + kStorageBudget;
}

/// Lends Poco sessions for the paths that are not hot. [any-thread] Throws StorageUnavailable within 1.8 s,
/// also when the server is frozen; any other failure of a statement is a std::runtime_error.
class SqlSource {
public:
    enum class Kind { sqlite, postgres };
    using Work = std::function<void(Poco::Data::Session&)>;

    virtual ~SqlSource() = default;
    virtual Kind kind() const = 0;
    /// Outside a transaction: each statement stands alone.
    virtual void read(const Work&) = 0;
    /// In one transaction; an exception out of `work` rolls back. `work` may be called again after a
    /// deadlock.
    virtual void write(const Work&) = 0;
};

/// A column's value, as text; nothing is NULL.
using SqlValue = std::optional<std::string>;

SqlValue sqlValue(std::int64_t value);
SqlValue sqlValue(bool value);
SqlValue sqlValue(std::string_view value);
inline SqlValue sqlValue(const std::string& value) {
    return value;
}
SqlValue sqlValue(const std::optional<std::int64_t>& value);
SqlValue sqlValue(const std::optional<int>& value);

/// The rows of a SELECT whose columns are all texts or casts to text: Poco reads a uuid as an empty BLOB, a
/// NULL number as 0, and a timestamp without its fraction. Text is the one form that both databases give back
/// to the letter.
class SqlRows {
public:
    std::size_t size() const { return _columns.empty() ? 0 : _columns[0].size(); }
    bool empty() const { return size() == 0; }
    const SqlValue& value(std::size_t row, std::size_t column) const { return _columns.at(column).at(row); }
    std::string text(std::size_t row, std::size_t column) const; ///< "" for NULL
    /// 0 for NULL; throws for what is not a number.
    std::int64_t integer(std::size_t row, std::size_t column) const;
    std::optional<std::int64_t> maybeInteger(std::size_t row, std::size_t column) const;
    bool flag(std::size_t row, std::size_t column) const; ///< selected as CASE … 1 ELSE 0; false for NULL

private:
    friend SqlRows sqlSelect(Poco::Data::Session&, const std::string&, std::size_t,
                             const std::vector<SqlValue>&);
    std::vector<std::vector<SqlValue>> _columns;
};

/// Runs one SELECT with a fresh Statement. Placeholders $1, $2, … appear first in ascending order (SQLite
/// numbers them so) and never inside a literal (Poco counts them there too).
SqlRows sqlSelect(Poco::Data::Session& session, const std::string& sql, std::size_t columns,
                  const std::vector<SqlValue>& params = {});
/// Runs one INSERT, UPDATE or DELETE.
void sqlChange(Poco::Data::Session& session, const std::string& sql,
               const std::vector<SqlValue>& params = {});

/// Holds the job's row until the transaction ends, so that what belongs to the job can be counted and then
/// added to without another doing the same meanwhile. False: there is no such job.
bool sqlLockJob(Poco::Data::Session& session, SqlSource::Kind kind, const std::string& jobId);
/// How many rows of `table` have this job_id.
std::int64_t sqlCountOfJob(Poco::Data::Session& session, const std::string& table, const std::string& jobId);

} // namespace usher
