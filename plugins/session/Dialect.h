#pragma once

#include "common/Database.h"

#include <string>
#include <string_view>

namespace usher::session {

/// How the tables user, session and account spell their columns: ours, or those of an application that made
/// them first.
enum class Naming { snake, camel };

/// Turns the statements of the stores, which are written once, into those of one database and one naming.
/// Immutable.
///
///   {user} {session} {account}   the table, quoted: `user` is a reserved word
///   {u.expires_at} {expires_at}  a column in the naming of this database, quoted
///   {now}                        the database's clock: one clock for all nodes
///   {in $3}                      now + $3 seconds
///   {micros COLUMN}              a time as microseconds since 1970, so that it is compared as an integer
///   {nowmicros}                  the same of now
///   {flag COLUMN}                a boolean that may be NULL (false)
///   {bool $3}                    a parameter "1" or "0" as a boolean
///   {true} {false}               boolean constants
///   {lock ALIAS}                 locks the rows read until the transaction ends (on SQLite a writer is alone
///   anyway) {share ALIAS}                the same, but others may lock them so too
class Dialect {
public:
    Dialect(plugin::Database::Kind kind, Naming naming) : _kind(kind), _naming(naming) {}

    /// Throws std::logic_error for a brace that is not closed.
    std::string sql(std::string_view statement) const;
    std::string column(std::string_view snakeName) const;
    plugin::Database::Kind kind() const { return _kind; }
    Naming naming() const { return _naming; }

private:
    std::string expand(std::string_view word, std::string_view argument) const;
    std::string reference(std::string_view name) const;
    std::string micros(std::string_view expression) const;

    plugin::Database::Kind _kind;
    Naming _naming;
};

} // namespace usher::session
