#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace usher {

/// UTC, microseconds since 1970-01-01: how times are stored and compared everywhere.
using Micros = std::int64_t;
/// Deadlines and timeouts: CLOCK_MONOTONIC, never the wall clock.
using Instant = std::chrono::steady_clock::time_point;
/// CLOCK_BOOTTIME in milliseconds: goes on in suspend and is never stepped. Leases are measured by it; it
/// means nothing on another machine or after a reboot.
using BootMillis = std::int64_t;

/// The two clocks, behind an interface so that tests move time by hand. [any-thread]
class Clock {
public:
    virtual ~Clock() = default;
    virtual Micros now() const = 0;
    virtual Instant instant() const = 0;
    virtual BootMillis bootTime() const;
};

class SystemClock final : public Clock {
public:
    Micros now() const override;
    Instant instant() const override { return std::chrono::steady_clock::now(); }
};

/// `2026-01-31T12:00:00.000Z`: milliseconds, UTC (RFC 3339).
std::string formatTime(Micros time);
/// Reads what formatTime() writes, and any RFC 3339 time in UTC ("Z") with 0 to 6 fraction digits.
std::optional<Micros> parseTime(std::string_view text);

} // namespace usher
