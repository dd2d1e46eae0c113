#pragma once

#include "Check.h"
#include "Columns.h"

namespace usher::apikey {

/// A list of texts as the one parameter that each database can take apart: '{…}' or a JSON array.
std::string arrayOf(plugin::Database::Kind kind, const std::vector<std::string_view>& texts);

/// Looks keys up. Every call is a statement of its own, so it sees whatever was committed before it began:
/// nothing here is ever remembered. Throws what Database.h says. [any-thread]
class KeyStore {
public:
    KeyStore(plugin::Database& database, const Columns& columns);

    /// The rows whose `key` is one of `stored`; in any order.
    std::vector<KeyRow> find(plugin::Deadline deadline, const std::vector<std::string_view>& stored);
    /// Puts a key that is stored in an older form into today's; does nothing when the row has changed
    /// meanwhile.
    void rewrite(plugin::Deadline deadline, const KeyRow& row, const std::string& stored);

private:
    plugin::Database& _database;
    const std::string _find, _rewrite;
};

} // namespace usher::apikey
