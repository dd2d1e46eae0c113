#pragma once

#include "domain/TriggerStore.h"

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace usher {

/// Jobs as triggers saw them last. Good enough to accept by, because the insert holds only for the revision
/// that was judged; never good enough to refuse by. At most kMaxViews are kept. [committer]
class JobViews {
public:
    static constexpr std::size_t kMaxViews = 10'000;
    enum class Look { remembered, fresh };
    struct Seen {
        std::optional<TriggerView> view; ///< nothing: there is no such job
        bool fresh = false;              ///< read just now: what it refuses is refused
    };

    explicit JobViews(TriggerStore& store) : _store(store) {}
    /// One answer per id, in their order. Asks the store in one statement for those that are not remembered,
    /// or for all. Throws StorageUnavailable.
    std::vector<Seen> look(std::span<const std::string> jobIds, Look how, Instant deadline);

private:
    TriggerStore& _store;
    std::unordered_map<std::string, TriggerView> _views;
};

} // namespace usher
