#include "storage/SqlSource.h"

#include "base/Text.h"

#include <Poco/Data/Statement.h>
#include <Poco/Nullable.h>

#include <stdexcept>

namespace usher {

using NullableText = Poco::Nullable<std::string>;

SqlValue sqlValue(std::int64_t value) {
    return std::to_string(value);
}
SqlValue sqlValue(bool value) {
    return std::string(value ? "1" : "0");
}
SqlValue sqlValue(std::string_view value) {
    return std::string(value);
}
SqlValue sqlValue(const std::optional<std::int64_t>& value) {
    if (!value) return std::nullopt;
    return std::to_string(*value);
}
SqlValue sqlValue(const std::optional<int>& value) {
    if (!value) return std::nullopt;
    return std::to_string(*value);
}

std::string SqlRows::text(std::size_t row, std::size_t column) const {
    return value(row, column).value_or(std::string());
}

std::optional<std::int64_t> SqlRows::maybeInteger(std::size_t row, std::size_t column) const {
    const SqlValue& found = value(row, column);
    if (!found) return std::nullopt;
    auto number = parseInteger(*found);
    if (!number) throw std::runtime_error("the database holds a number that is none: " + oneLine(*found, 40));
    return number;
}

std::int64_t SqlRows::integer(std::size_t row, std::size_t column) const {
    return maybeInteger(row, column).value_or(0);
}

bool SqlRows::flag(std::size_t row, std::size_t column) const {
    return integer(row, column) != 0;
}

namespace {

std::vector<NullableText> bound(const std::vector<SqlValue>& params) {
    std::vector<NullableText> out;
    out.reserve(params.size());
    for (const SqlValue& param : params) out.push_back(param ? NullableText(*param) : NullableText());
    return out;
}

} // namespace

SqlRows sqlSelect(Poco::Data::Session& session, const std::string& sql, std::size_t columns,
                  const std::vector<SqlValue>& params) {
    std::vector<NullableText> values = bound(params);
    std::vector<std::vector<NullableText>> read(columns);
    Poco::Data::Statement statement(session);
    statement << sql;
    for (NullableText& value : values) statement, Poco::Data::Keywords::use(value);
    for (auto& column : read) statement, Poco::Data::Keywords::into(column);
    statement.execute();
    SqlRows rows;
    rows._columns.resize(columns);
    for (std::size_t i = 0; i < columns; ++i)
        for (NullableText& cell : read[i])
            rows._columns[i].push_back(cell.isNull() ? SqlValue() : SqlValue(std::move(cell.value())));
    return rows;
}

void sqlChange(Poco::Data::Session& session, const std::string& sql, const std::vector<SqlValue>& params) {
    std::vector<NullableText> values = bound(params);
    Poco::Data::Statement statement(session);
    statement << sql;
    for (NullableText& value : values) statement, Poco::Data::Keywords::use(value);
    statement.execute();
}

bool sqlLockJob(Poco::Data::Session& session, SqlSource::Kind kind, const std::string& jobId) {
    // A SQLite transaction that writes has the whole file.
    const std::string lock = kind == SqlSource::Kind::postgres ? " FOR NO KEY UPDATE" : "";
    return !sqlSelect(session, "SELECT name FROM jobs WHERE id = $1" + lock, 1, {sqlValue(jobId)}).empty();
}

std::int64_t sqlCountOfJob(Poco::Data::Session& session, const std::string& table, const std::string& jobId) {
    const std::string count = "SELECT CAST(count(*) AS text) FROM " + table + " WHERE job_id = $1";
    return sqlSelect(session, count, 1, {sqlValue(jobId)}).integer(0, 0);
}

} // namespace usher
