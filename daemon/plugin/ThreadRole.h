#pragma once

#include <usher/ext/thread-check.h>

#include <cstdint>
#include <utility>

namespace usher {

/// What the calling thread is to a plugin while this lives (usher.thread-check/1).
class ThreadRole {
public:
    explicit ThreadRole(std::int32_t role) : _before(std::exchange(current, role)) {}
    ~ThreadRole() { current = _before; }
    ThreadRole(const ThreadRole&) = delete;
    ThreadRole& operator=(const ThreadRole&) = delete;

    static inline thread_local std::int32_t current = USHER_THREAD_OTHER;

private:
    const std::int32_t _before;
};

} // namespace usher
