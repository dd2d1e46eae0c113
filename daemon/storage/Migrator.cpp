#include "storage/Migrator.h"

namespace usher {

std::span<const Migration> missingSteps(std::span<const Migration> known, int version) {
    std::size_t have = 0;
    while (have < known.size() && known[have].version <= version) ++have;
    const int newest = known.empty() ? 0 : known.back().version;
    if (version > newest)
        throw SchemaTooNew("the database has schema version " + std::to_string(version) +
                           ", this usherd knows versions up to " + std::to_string(newest) +
                           ": install the usherd that migrated it, or a newer one");
    return known.subspan(have);
}

} // namespace usher
