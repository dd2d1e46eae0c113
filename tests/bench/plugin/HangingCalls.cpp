// DESIGN. One thread asks 2000 questions a second, without a pause, in windows of a second: calm ones, and
// ones in which every tenth question is never answered. A pair is one of each, next to each other; which is
// first alternates. The beginning of a window is not counted: hanging calls of the one before still come to
// their deadline in it, and its own have not yet. So both sides of a pair see the same machine, a second
// apart, and what else the machine does in a minute falls on both sides alike.
//
// A p99 of one window is made by a dozen calls and says little; the p99 of a side is that of all its windows.
// How firm the quotient is, is seen by drawing pairs anew (bootstrap): 95 of 100 draws lie in the range that
// is printed. Calm windows against calm windows show what the same arithmetic makes of no difference at all.
//
// What the machine's host takes is nobody's doing here: calls that met such a pause are left out on all sides
// alike, and their share is printed.
#include "HangingCalls.h"

#include "HostPauses.h"
#include "Question.h"

#include <atomic>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <thread>

namespace usher::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kPerSecond = 2000, kWindow = 2000, kSettling = 600; // questions
constexpr auto kHangs = 200ms;
constexpr int kDraws = 1000;
constexpr double kPart = 0.99;

struct Windows {
    explicit Windows(int count)
        : asked(static_cast<std::size_t>(count * kWindow)), times(asked.size(), Ns{-1}) {}
    std::vector<Instant> asked; ///< by question
    std::vector<Ns> times;      ///< each is written by whoever answers it
    std::atomic<int> open{0}, refused{0};
};

void ask(Authenticator& plugin, const std::shared_ptr<Windows>& windows, std::size_t number, bool hangs) {
    auto request = hangs ? question(kHangs) : question();
    request->headers.emplace_back("X-Target", "misbehave");
    request->headers.emplace_back("X-Misbehave", hangs ? "silent" : "none");
    ++windows->open;
    const Instant asked = windows->asked[number] = std::chrono::steady_clock::now();
    plugin.check(std::move(request), [windows, number, hangs, asked](Answer answer) {
        windows->times[number] = std::chrono::steady_clock::now() - asked;
        if (!hangs && answer.verdict.decision != Decision::allow) ++windows->refused;
        --windows->open;
    });
}

/// Those of the calls that are asked for either side: nine in ten, in the settled part.
std::vector<Ns> countedOf(const Windows& windows, const HostPauses& pauses, std::size_t window) {
    std::vector<Ns> counted;
    for (std::size_t i = window * kWindow + kSettling; i < (window + 1) * kWindow; ++i)
        if (i % 10 != 0 && !pauses.touch(windows.asked[i], windows.asked[i] + windows.times[i]))
            counted.push_back(windows.times[i]);
    return counted;
}

using Side = std::vector<std::vector<Ns>>; ///< by pair

double pooled(const Side& side, const std::vector<std::size_t>& pairs) {
    std::vector<Ns> all;
    all.reserve(pairs.size() * kWindow);
    for (std::size_t pair : pairs) all.insert(all.end(), side[pair].begin(), side[pair].end());
    return static_cast<double>(at(all, kPart).count());
}

/// Of these pairs: what `after` has more than `before`, in percent.
double pooledChange(const Side& before, const Side& after, const std::vector<std::size_t>& pairs) {
    return (pooled(after, pairs) / pooled(before, pairs) - 1) * 100;
}

/// The same by the median of the pairs' own quotients: a burst of something else spoils the pair that it
/// meets.
double medianChange(const Side& before, const Side& after, const std::vector<std::size_t>& pairs) {
    std::vector<double> each;
    for (std::size_t pair : pairs) each.push_back(pooledChange(before, after, {pair}));
    std::nth_element(each.begin(), each.begin() + static_cast<std::ptrdiff_t>(each.size() / 2), each.end());
    return each[each.size() / 2];
}

std::string compare(const Side& before, const Side& after,
                    double (*change)(const Side&, const Side&, const std::vector<std::size_t>&)) {
    std::vector<std::size_t> pairs(before.size());
    std::iota(pairs.begin(), pairs.end(), std::size_t{0});
    const double seen = change(before, after, pairs);
    std::mt19937 random(1); // the same data, the same range
    std::uniform_int_distribution<std::size_t> any(0, pairs.size() - 1);
    std::vector<double> drawn;
    for (int i = 0; i < kDraws; ++i) {
        for (std::size_t& pair : pairs) pair = any(random);
        drawn.push_back(change(before, after, pairs));
    }
    std::sort(drawn.begin(), drawn.end());
    char text[100];
    std::snprintf(text, sizeof text, "%+.1f %% (%+.1f to %+.1f)", seen, drawn[kDraws / 40],
                  drawn[kDraws - 1 - kDraws / 40]);
    return text;
}

double p99Us(const Side& side) {
    std::vector<std::size_t> all(side.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return pooled(side, all) / 1000;
}

std::string leftOut(const Side& calm, const Side& beside, const HostPauses& pauses) {
    if (!pauses.watching()) return "the host's pauses are in it: no right to SCHED_FIFO";
    const auto share = [](const Side& side) {
        const auto counted =
            std::accumulate(side.begin(), side.end(), std::size_t{0},
                            [](std::size_t sum, const auto& one) { return sum + one.size(); });
        return 100 - 100.0 * static_cast<double>(counted) /
                         (static_cast<double>(side.size()) * (kWindow - kSettling) * 9 / 10);
    };
    char text[100];
    std::snprintf(text, sizeof text, "left out for pauses of the host: %.1f %% and %.1f %%", share(calm),
                  share(beside));
    return text;
}

} // namespace

void measureHanging(const char* what, Authenticator& plugin, int pairs) {
    const auto hangsIn = [](int window) {
        return window % 4 == 1 || window % 4 == 2;
    }; // calm, hanging, hanging, calm
    const auto windows = std::make_shared<Windows>(pairs * 2);
    HostPauses pauses;
    const Instant begin = std::chrono::steady_clock::now() + 10ms;
    for (int number = 0; number < pairs * 2 * kWindow; ++number) {
        std::this_thread::sleep_until(begin + std::chrono::duration_cast<Instant::duration>(1s) * number /
                                                  kPerSecond);
        ask(plugin, windows, static_cast<std::size_t>(number), number % 10 == 0 && hangsIn(number / kWindow));
    }
    while (windows->open > 0) std::this_thread::sleep_for(5ms);
    pauses.stop();
    if (windows->refused > 0) std::fprintf(stderr, "%d refused by the breaker\n", windows->refused.load());

    Side calm, beside, even, odd;
    for (int window = 0; window < pairs * 2; ++window)
        (hangsIn(window) ? beside : calm)
            .push_back(countedOf(*windows, pauses, static_cast<std::size_t>(window)));
    for (std::size_t i = 0; i + 1 < calm.size(); i += 2) even.push_back(calm[i]), odd.push_back(calm[i + 1]);
    std::printf(
        "%-10s p99 of the others %.0f us, with 10 %% hanging %.0f us: %s; median of the pairs %s; limit 10\n"
        "           calm against calm: %s; median of the pairs %s\n"
        "           (%d pairs; in brackets 95 of 100 draws of as many; %s)\n",
        what, p99Us(calm), p99Us(beside), compare(calm, beside, pooledChange).c_str(),
        compare(calm, beside, medianChange).c_str(), compare(even, odd, pooledChange).c_str(),
        compare(even, odd, medianChange).c_str(), pairs, leftOut(calm, beside, pauses).c_str());
    std::fflush(stdout);
}

} // namespace usher::bench
