#include "app/RetryPolicy.h"

#include <algorithm>

namespace usher {

namespace {

constexpr std::chrono::milliseconds kFirst{1000}, kMost{300'000};

} // namespace

std::optional<std::chrono::milliseconds> RetryPolicy::delayAfter(const ClaimedRun& run,
                                                                 const RunOutcome& outcome) {
    const bool failed = outcome.status == RunStatus::failed || outcome.status == RunStatus::error ||
                        outcome.status == RunStatus::timeout;
    if (!failed || outcome.attempt > run.retries) return std::nullopt;
    const auto whole = std::min(kMost, kFirst * (1 << std::clamp(outcome.attempt - 1, 0, 20)));
    std::uniform_int_distribution<std::int64_t> spread(whole.count() / 2, whole.count());
    return std::chrono::milliseconds(spread(_random));
}

} // namespace usher
