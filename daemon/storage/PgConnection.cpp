#include "storage/PgConnection.h"

#include "base/Text.h"
#include "domain/Errors.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace usher {

namespace {

/// The first line alone: details quote values.
std::string messageOf(const PGresult* result) {
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return primary ? primary : PQresultErrorMessage(result);
}

} // namespace

bool meansUnavailable(std::string_view state) {
    const std::string_view kind = state.substr(0, 2);
    return state.empty() || kind == "08" || kind == "53" || kind == "57" || kind == "58" ||
           state == "55P03" || state == "25006";
}

std::int64_t PgResult::integer(int row, int column) const {
    return maybeInteger(row, column).value_or(0);
}

std::optional<std::int64_t> PgResult::maybeInteger(int row, int column) const {
    if (isNull(row, column)) return std::nullopt;
    auto number = parseInteger(view(row, column));
    if (!number) throw std::runtime_error("the database holds a number that is none");
    return number;
}

std::int64_t PgResult::affected() const {
    return parseInteger(PQcmdTuples(_result.get())).value_or(0);
}

PgResult PgConnection::run(const PgCommand& command, Instant deadline) {
    return std::move(run(std::span(&command, 1), deadline).front());
}

std::vector<PgResult> PgConnection::run(std::span<const PgCommand> commands, Instant deadline) {
    if (broken()) lose("the connection was lost");
    PQsetnonblocking(_connection, 1);
    if (!PQenterPipelineMode(_connection)) lose(PQerrorMessage(_connection));
    std::vector<const char*>
        fresh; // statements that this round trip prepares, in order; null: one that is executed
    for (const PgCommand& command : commands) send(command, fresh);
    if (!PQpipelineSync(_connection)) lose(PQerrorMessage(_connection));
    flush(deadline);

    std::vector<PgResult> results;
    std::optional<Failure> failure;
    for (std::size_t i = 0;;) {
        PGresult* raw = next(deadline);
        if (!raw) continue; // ends one command
        PgResult result(raw);
        const ExecStatusType status = PQresultStatus(raw);
        if (status == PGRES_PIPELINE_SYNC) break;
        if (status == PGRES_FATAL_ERROR && !failure) {
            const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE);
            failure = Failure{state ? state : "", messageOf(raw)};
            if (!state && PQstatus(_connection) == CONNECTION_BAD) lose(failure->what);
        }
        const char* prepared = i < fresh.size() ? fresh[i] : nullptr;
        ++i;
        if (prepared && status != PGRES_COMMAND_OK) _prepared.erase(prepared);
        if (!prepared) results.push_back(std::move(result));
    }
    if (!PQexitPipelineMode(_connection)) lose(PQerrorMessage(_connection));
    if (failure) refuse(*failure);
    return results;
}

void PgConnection::send(const PgCommand& command, std::vector<const char*>& fresh) {
    auto [name, isNew] = _prepared.try_emplace(command.sql);
    if (isNew) {
        name->second = "u" + std::to_string(_prepared.size());
        if (!PQsendPrepare(_connection, name->second.c_str(), command.sql, 0, nullptr))
            lose(PQerrorMessage(_connection));
        fresh.push_back(command.sql);
    }
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const SqlValue& value : command.values) {
        values.push_back(value ? value->c_str() : nullptr);
        lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    }
    if (!PQsendQueryPrepared(_connection, name->second.c_str(), static_cast<int>(values.size()),
                             values.data(), lengths.data(), nullptr, 0))
        lose(PQerrorMessage(_connection));
    fresh.push_back(nullptr);
}

void PgConnection::script(const std::string& sql, Instant deadline) {
    if (broken()) lose("the connection was lost");
    PQsetnonblocking(_connection, 1);
    if (!PQsendQuery(_connection, sql.c_str())) lose(PQerrorMessage(_connection));
    flush(deadline);
    std::optional<Failure> failure;
    while (PGresult* raw = next(deadline)) {
        PgResult result(raw);
        if (PQresultStatus(raw) != PGRES_FATAL_ERROR || failure) continue;
        const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE);
        failure = Failure{state ? state : "", messageOf(raw)};
        if (!state && PQstatus(_connection) == CONNECTION_BAD) lose(failure->what);
    }
    if (failure) refuse(*failure);
}

PGresult* PgConnection::next(Instant deadline) {
    while (PQisBusy(_connection)) {
        wait(POLLIN, deadline);
        if (!PQconsumeInput(_connection)) lose(PQerrorMessage(_connection));
    }
    return PQgetResult(_connection);
}

void PgConnection::flush(Instant deadline) {
    while (true) {
        const int left = PQflush(_connection);
        if (left == 0) return;
        if (left < 0) lose(PQerrorMessage(_connection));
        // Reading too: a server that cannot write its answers does not read either.
        wait(POLLIN | POLLOUT, deadline);
        if (!PQconsumeInput(_connection)) lose(PQerrorMessage(_connection));
    }
}

void PgConnection::wait(short events, Instant deadline) {
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) lose("no answer by the deadline");
        pollfd watched{PQsocket(_connection), events, 0};
        const int ready = ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
        if (ready > 0) return;
        if (ready < 0 && errno != EINTR) lose(std::generic_category().message(errno));
    }
}

bool PgConnection::isStale() const {
    char byte;
    const ssize_t n = ::recv(PQsocket(_connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void PgConnection::lose(const std::string& why) {
    _broken = true;
    // Closed at once, so that the server does not go on with what nobody waits for.
    if (PQsocket(_connection) >= 0) ::shutdown(PQsocket(_connection), SHUT_RDWR);
    throw StorageUnavailable("PostgreSQL: " + oneLine(trim(why), 300));
}

void PgConnection::refuse(const Failure& failure) {
    const std::string what =
        "PostgreSQL: " + oneLine(trim(failure.what), 300) + " (" + failure.sqlState + ")";
    if (meansUnavailable(failure.sqlState)) throw StorageUnavailable(what);
    throw PgError(failure.sqlState, what);
}

void PgArray::add(std::string_view plain) {
    separate();
    _text += plain;
}

void PgArray::addQuoted(std::string_view text) {
    separate();
    _text += '"';
    for (char c : text) {
        if (c == '"' || c == '\\') _text += '\\';
        _text += c;
    }
    _text += '"';
}

} // namespace usher
