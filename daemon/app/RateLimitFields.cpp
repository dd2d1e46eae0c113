#include "app/RateLimitFields.h"

#include "base/Text.h"

#include <algorithm>
#include <array>

namespace usher {

namespace {

constexpr std::array<const char*, 6> kNames = {"RateLimit-Limit",       "RateLimit-Remaining",
                                               "RateLimit-Reset",       "X-RateLimit-Limit",
                                               "X-RateLimit-Remaining", "X-RateLimit-Reset"};

} // namespace

bool isRateLimitField(std::string_view name) {
    return std::any_of(kNames.begin(), kNames.end(),
                       [name](const char* one) { return equalsIgnoreCase(one, name); });
}

void addRateLimitFields(Fields& fields, const RateLimit& limits) {
    const std::array<std::int64_t, 3> values = {limits.limit, limits.remaining,
                                                limits.resetMs / 1000 + (limits.resetMs % 1000 > 0 ? 1 : 0)};
    const std::size_t said = fields.size();
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        bool there = false;
        for (std::size_t j = 0; j < said; ++j) there = there || equalsIgnoreCase(fields[j].first, kNames[i]);
        if (!there) fields.emplace_back(kNames[i], std::to_string(values[i % values.size()]));
    }
}

} // namespace usher
