#pragma once

#include "domain/RunStore.h"

#include <chrono>
#include <optional>
#include <random>

namespace usher {

/// Whether an attempt that ended is followed by another one, and when: 1 s after the first, twice as long
/// after each further one, at most 5 minutes; each time between a half and the whole of it, so that runs
/// which failed together (a service was away) do not come back together. [scheduler]
class RetryPolicy {
public:
    explicit RetryPolicy(unsigned seed = std::random_device{}()) : _random(seed) {}

    /// Nothing: it is final. Passed, cancelled and lost attempts always are: what is lost has a policy of its
    /// own, onLost.
    std::optional<std::chrono::milliseconds> delayAfter(const ClaimedRun& run, const RunOutcome& outcome);

private:
    std::minstd_rand _random;
};

} // namespace usher
