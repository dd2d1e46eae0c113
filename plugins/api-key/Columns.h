#pragma once

#include "common/Database.h"

#include <map>

namespace usher::apikey {

/// How this database names the columns of `apikey`: snake_case as our own migration does, or camelCase where
/// the table belongs to another application too. Its owner column is `reference_id`, in tables of older
/// better-auth `user_id`. Chosen once at start; nothing is ever renamed. Immutable.
class Columns {
public:
    /// Looks at the table that is there; without one: snake_case, as our migration makes it.
    static Columns detect(plugin::Database& database, plugin::Deadline deadline);

    /// Puts the quoted names in place of {rate_limit_max} and the like.
    std::string expand(std::string_view sql) const;

    /// Whether the table is there.
    bool found() const { return !_types.empty(); }
    /// The type with which the database declares a column, in lower case; "" for one that is missing.
    std::string typeOf(std::string_view snakeName) const;

private:
    std::string nameOf(std::string_view snakeName) const;

    std::map<std::string, std::string, std::less<>> _types; ///< by the name that stands in the database
    bool _camelCase = false;
    bool _ownedByUserId = false;
};

} // namespace usher::apikey
