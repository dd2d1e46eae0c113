#include "domain/Run.h"

#include <array>

namespace usher {

namespace {

constexpr std::array<std::string_view, 8> kRun = {"queued", "running", "passed",    "failed",
                                                  "error",  "timeout", "cancelled", "lost"};
constexpr std::array<std::string_view, 8> kTest = {"pending", "running", "passed",    "failed",
                                                   "error",   "timeout", "cancelled", "skipped"};

template <class Enum, std::size_t N>
std::optional<Enum> find(const std::array<std::string_view, N>& names, std::string_view text) {
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == text) return static_cast<Enum>(i);
    return std::nullopt;
}

} // namespace

std::string_view toText(RunStatus status) {
    return kRun.at(static_cast<std::size_t>(status));
}
std::string_view toText(TestStatus status) {
    return kTest.at(static_cast<std::size_t>(status));
}
std::optional<RunStatus> runStatusFrom(std::string_view text) {
    return find<RunStatus>(kRun, text);
}
std::optional<TestStatus> testStatusFrom(std::string_view text) {
    return find<TestStatus>(kTest, text);
}
bool hasEnded(RunStatus status) {
    return status != RunStatus::queued && status != RunStatus::running;
}

} // namespace usher
