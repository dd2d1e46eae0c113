#pragma once

#include "common/Database.h"

namespace usher::apikey {

/// How this database names the columns of `apikey`: snake_case as our own migration does, or camelCase where
/// the table belongs to another application too. Chosen once at start; the table is never renamed. Immutable.
class Columns {
public:
    /// Looks at the table that is there; without one: snake_case.
    static Columns detect(plugin::Database& database, plugin::Deadline deadline);

    /// Puts the quoted names in place of {rate_limit_max} and the like.
    std::string expand(std::string_view sql) const;

private:
    bool _camelCase = false;
};

} // namespace usher::apikey
