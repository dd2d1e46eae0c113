#include "app/Shadow.h"

namespace usher {

namespace {

std::string wordOf(const Verdict& verdict) {
    switch (verdict.decision) {
    case Decision::allow:
        return "allows";
    case Decision::deny:
        return "denies (" + verdict.code + ")";
    case Decision::abstain:
        return "abstains";
    default:
        return "cannot judge";
    }
}

} // namespace

void Shadow::ask(const std::string& chain, std::shared_ptr<const AuthRequest> request, const Verdict& live) {
    if (live.decision == Decision::error) return; // nothing to compare with
    ++_asked;
    const bool letIn = live.decision == Decision::allow;
    const std::string action = request->action, requestId = request->requestId;
    _plugin.check(std::move(request), [this, chain, action, requestId, letIn](Answer answer) {
        // The settlements end here, unsettled: what it cost is given back.
        const Verdict& mine = answer.verdict;
        if (mine.decision == Decision::error) {
            ++_errors;
            return;
        }
        if ((mine.decision == Decision::allow) == letIn) return;
        const std::uint64_t count = ++_differences;
        const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                                     std::chrono::steady_clock::now().time_since_epoch())
                                     .count();
        if (std::int64_t last = _reportedAt; last == now || !_reportedAt.compare_exchange_strong(last, now))
            return;
        _report("shadow " + name() + " " + wordOf(mine) + " where chain " + chain + " " +
                (letIn ? "allows" : "refuses") + ": action=" + action + " request=" + requestId +
                " differences=" + std::to_string(count));
    });
}

} // namespace usher
