#pragma once

#include "Columns.h"

namespace usher::apikey {

/// Brings the schema of the component `api-key` up to date; the daemon's tables are there already. Throws
/// std::runtime_error with what to do.
void migrateApiKeys(plugin::Database& database);

} // namespace usher::apikey
