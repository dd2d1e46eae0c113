#include "HostPauses.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

namespace usher::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kEvery = 1ms;
constexpr auto kLate = 300us;    ///< later than this is a pause
constexpr auto kAftermath = 3ms; ///< what was asked meanwhile is answered

} // namespace

HostPauses::HostPauses() : _cores(std::max(1u, std::thread::hardware_concurrency())) {
    for (std::size_t i = 0; i < _cores.size(); ++i) {
        Core& core = _cores[i];
        core.pauses.reserve(1 << 16);
        core.thread = std::thread([this, &core] { watch(core); });
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        const sched_param first{.sched_priority = 1};
        if (::pthread_setaffinity_np(core.thread.native_handle(), sizeof one, &one) != 0 ||
            ::pthread_setschedparam(core.thread.native_handle(), SCHED_FIFO, &first) != 0)
            _watching = false;
    }
}

void HostPauses::stop() {
    _stop = true;
    for (Core& core : _cores)
        if (core.thread.joinable()) core.thread.join();
}

void HostPauses::watch(Core& core) {
    Instant next = std::chrono::steady_clock::now();
    while (!_stop) {
        next += kEvery;
        std::this_thread::sleep_until(next);
        const Instant now = std::chrono::steady_clock::now();
        if (now - next < kLate) continue;
        core.pauses.push_back({next - kEvery, now + kAftermath});
        next = now;
    }
}

bool HostPauses::touch(Instant begin, Instant end) const {
    if (!_watching) return false;
    return std::any_of(_cores.begin(), _cores.end(), [&](const Core& core) {
        const auto first = std::lower_bound(core.pauses.begin(), core.pauses.end(), begin,
                                            [](const Pause& pause, Instant at) { return pause.end < at; });
        return first != core.pauses.end() && first->begin <= end;
    });
}

} // namespace usher::bench
