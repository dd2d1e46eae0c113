#pragma once

#include "base/Clock.h"
#include "domain/NodeStore.h"

#include <map>
#include <string>
#include <vector>

namespace usher {

/// Tells which of the other nodes are lost: those whose beat counter has not moved for their lease, by our
/// own CLOCK_BOOTTIME. No wall clock is compared, so no step of one can take a lease. Entirely passive; not
/// synchronised.
class NodeWatch {
public:
    explicit NodeWatch(std::string self) : _self(std::move(self)) {}

    /// The nodes as they were just read. Gives the lost ones. When we could not look for a while (the
    /// database was away, we were stopped), that time counts for nobody: they could not beat either.
    std::vector<Node> look(const std::vector<Node>& nodes, BootMillis now);
    /// Since the last call of look(): nodes that are newly lost, and those that are back.
    const std::vector<std::string>& newlyLost() const { return _newlyLost; }
    const std::vector<std::string>& back() const { return _back; }

private:
    struct Seen {
        std::int64_t beats = 0;
        BootMillis since = 0; ///< when we first saw this count
        bool lost = false;
    };

    const std::string _self;
    std::map<std::string, Seen> _seen;
    BootMillis _lastLook = 0;
    std::vector<std::string> _newlyLost, _back;
};

} // namespace usher
