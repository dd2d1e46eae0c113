#pragma once

#include "common/Database.h"
#include "session/Dialect.h"

namespace usher::session {

/// Makes the tables "user", session, account and setup, or extends those that another application made, in
/// that application's naming, by nullable columns only. Returns the naming found. Throws std::runtime_error
/// when tables are there that cannot be used (a column that we need is missing), DatabaseUnavailable
/// otherwise.
Naming prepareSchema(plugin::Database& database);

} // namespace usher::session
