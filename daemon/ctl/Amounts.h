#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace usher::ctl {

/// Seconds in `90`, `90s`, `15m`, `12h`, `90d` or `2w`; nothing for anything else, also for an overflow.
std::optional<std::int64_t> parseDuration(std::string_view text);

struct Rate {
    std::int64_t max = 0;
    std::int64_t windowSeconds = 0;
};
/// `100/60s`, `5/m` (a unit alone means one of it); nothing for anything else.
std::optional<Rate> parseRate(std::string_view text);

/// For people: `0.02 s`, `1 m 05 s`, `2 h 03 m`.
std::string showDuration(std::int64_t milliseconds);

} // namespace usher::ctl
