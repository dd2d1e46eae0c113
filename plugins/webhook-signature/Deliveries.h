#pragma once

#include "common/Mutex.h"

#include "usher/auth.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace usher::webhooks {

/// The deliveries that were let in, so that none counts twice. One is taken when its request is allowed, kept
/// for a time when the request was carried out, and free again when it was not: then the sender's next try is
/// its first. Bounded: only who knows a secret fills it. One node's memory. [any-thread]
class Deliveries {
public:
    enum class Claim { first, again, full };

    Deliveries(std::int64_t keepSeconds, std::size_t capacity)
        : _keepSeconds(keepSeconds), _capacity(capacity) {}

    /// `delivery`: a digest of job and id. `now`: seconds that never go back.
    Claim claim(const std::string& delivery, usher_call call, std::int64_t now);
    /// What came of it. A call that claimed nothing is no matter.
    void settle(usher_call call, bool carriedOut);

private:
    const std::int64_t _keepSeconds;
    const std::size_t _capacity;
    plugin::Mutex _mutex;
    /// delivery -> when it was claimed; and the same in that order, stale entries included.
    std::unordered_map<std::string, std::int64_t> _taken PLUGIN_GUARDED_BY(_mutex);
    std::deque<std::pair<std::string, std::int64_t>> _order PLUGIN_GUARDED_BY(_mutex);
    std::unordered_map<usher_call, std::string> _open PLUGIN_GUARDED_BY(_mutex);
};

} // namespace usher::webhooks
