#include "storage/Migrator.h"

namespace usher {

std::span<const Migration> missingSteps(std::span<const Migration> known, SchemaVersion version) {
    std::size_t have = 0;
    while (have < known.size() && known[have].version <= version.newest) ++have;
    const int newest = known.empty() ? 0 : known.back().version;
    if (version.breaking > newest)
        throw SchemaTooNew("the database has schema version " + std::to_string(version.newest) +
                           ", this usherd knows versions up to " + std::to_string(newest) +
                           " and cannot work beside one that knows version " +
                           std::to_string(version.breaking) +
                           ": install the usherd that migrated it, or a newer one");
    return known.subspan(have);
}

} // namespace usher
