#include "app/Words.h"

#include <algorithm>

namespace usher {

Refusal storageUnavailable() {
    return {503,
            "Storage unavailable",
            "The database does not answer. Nothing was lost; try again in a moment.",
            "STORAGE_UNAVAILABLE",
            {},
            2};
}

Refusal authorizationUnavailable() {
    return {503,
            "Authorization unavailable",
            "The request was not judged in time. Try again in a moment.",
            "AUTH_UNAVAILABLE",
            {},
            2};
}

Refusal refusalOf(const Verdict& verdict) {
    Refusal refusal{verdict.httpStatus, verdict.title, verdict.message, verdict.code, {}, 0};
    if (refusal.status == 0)
        refusal.status = verdict.decision == Decision::error ? 503 : verdict.principal.id.empty() ? 401 : 403;
    if (refusal.status == 503) refusal.retryAfterSeconds = 2;
    if (refusal.status == 429) refusal.retryAfterSeconds = 1;
    if (refusal.status == 429) refusal.limits = verdict.limits;
    if (refusal.limits)
        refusal.retryAfterSeconds =
            static_cast<int>(std::max<std::int64_t>(1, (verdict.limits->resetMs + 999) / 1000));
    return refusal;
}

} // namespace usher
