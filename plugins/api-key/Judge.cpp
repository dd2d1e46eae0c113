#include "Judge.h"

#include "AddressList.h"

namespace usher::apikey {

namespace {

using auth::Verdict;

std::int64_t secondsUp(std::int64_t millis) {
    return millis <= 0 ? 0 : (millis + 999) / 1000;
}

/// The audit log names the key by its id and by its start, never by more.
std::string about(const KeyRow& key) {
    return "api-key:" + key.id + " start=" + key.start;
}

/// What a key has started it may read and cancel, whatever its permissions say; hence it may also list the
/// runs of a job that is its own or that it may trigger.
bool mayDo(const Check& check, const KeyRow& key) {
    if (permits(key.permissions, key.jobId, check.verb, check.job)) return true;
    if (check.lists)
        return !check.job.empty() &&
               (key.jobId ? *key.jobId == check.job
                          : permits(key.permissions, key.jobId, Verb::trigger, check.job));
    return check.verb != Verb::trigger && check.startedBy == "api-key:" + key.id;
}

Verdict invalidToken(Verdict verdict) {
    verdict.status(401).header("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    return verdict;
}

} // namespace

Verdict keyRequired() {
    Verdict verdict = Verdict::abstain("API_KEY_REQUIRED", "API key required",
                                       "Send the key as `Authorization: Bearer KEY` or as `X-Api-Key: KEY`.");
    verdict.status(401).header("WWW-Authenticate", "Bearer");
    return verdict;
}

Verdict conflictingCredentials() {
    Verdict verdict = Verdict::deny("CREDENTIALS_CONFLICT", "Conflicting credentials",
                                    "Send one key, in one field: Authorization or X-Api-Key.");
    verdict.status(400);
    return verdict;
}

Verdict invalidFormat() {
    Verdict verdict =
        Verdict::abstain("INVALID_API_KEY_FORMAT", "Invalid API key format",
                         "A key has at least 10 characters, all of them printable ASCII. Check that it "
                         "was copied whole.");
    verdict.guess();
    return invalidToken(std::move(verdict));
}

Verdict unknownKey() {
    Verdict verdict = Verdict::abstain("INVALID_API_KEY", "Invalid API key",
                                       "Check that the key was copied whole and has not been deleted.");
    verdict.guess();
    return invalidToken(std::move(verdict));
}

void addLimits(Verdict& verdict, const Limits& limits) {
    const std::string max = std::to_string(limits.max), remaining = std::to_string(limits.remaining),
                      reset = std::to_string(secondsUp(limits.resetMs));
    verdict.limits(limits.max, limits.remaining, limits.resetMs);
    verdict.header("RateLimit-Limit", max)
        .header("RateLimit-Remaining", remaining)
        .header("RateLimit-Reset", reset);
    verdict.header("X-RateLimit-Limit", max).header("X-RateLimit-Remaining", remaining);
    verdict.header("X-RateLimit-Reset", reset);
}

Verdict rateLimited(const KeyRow& key, const Limits& limits) {
    const std::string wait = std::to_string(std::max<std::int64_t>(1, secondsUp(limits.resetMs)));
    Verdict verdict =
        Verdict::deny("RATE_LIMITED", "Rate limit exceeded",
                      "This key may be used " + std::to_string(limits.max) + " times in " +
                          std::to_string(secondsUp(key.windowMs)) + " s. Try again in " + wait + " s.");
    verdict.status(429)
        .replayOk()
        .audit(about(key))
        .principal("api-key:" + key.id, key.name)
        .header("Retry-After", wait);
    addLimits(verdict, limits);
    return verdict;
}

Verdict usedUp(const KeyRow& key, const std::optional<Limits>& limits,
               const std::optional<std::int64_t>& refillMs) {
    const std::string wait =
        refillMs ? std::to_string(std::max<std::int64_t>(1, secondsUp(*refillMs))) : "3600";
    Verdict verdict =
        Verdict::deny("USAGE_EXCEEDED", "Usage limit reached",
                      refillMs ? "This key has no uses left just now. Try again in " + wait + " s."
                               : "This key has no uses left. Ask for more uses or another key.");
    verdict.status(429)
        .replayOk()
        .audit(about(key))
        .principal("api-key:" + key.id, key.name)
        .header("Retry-After", wait);
    if (limits) addLimits(verdict, *limits);
    return verdict;
}

Verdict allowed(const Check& check, const KeyRow& key, const std::optional<Limits>& limits) {
    const bool all = check.lists && permits(key.permissions, key.jobId, Verb::read, check.job);
    Verdict verdict = Verdict::allow("api-key:" + key.id, key.name, all ? "viewer" : "");
    if (limits) addLimits(verdict, *limits);
    return verdict;
}

std::optional<Refusal> refusal(const Check& check, const KeyRow& key) {
    if (!key.enabled) {
        Verdict verdict = Verdict::deny("API_KEY_DISABLED", "API key disabled",
                                        "Enable this key again, or use another one.");
        verdict.audit(about(key)).principal("api-key:" + key.id, key.name);
        return Refusal{invalidToken(std::move(verdict)), false};
    }
    if (key.expired) {
        Verdict verdict =
            Verdict::deny("API_KEY_EXPIRED", "API key expired", "Extend this key or create a new one.");
        verdict.audit(about(key)).principal("api-key:" + key.id, key.name);
        return Refusal{invalidToken(std::move(verdict)), false};
    }
    if (!key.allowedAddresses.empty() && !addressAllowed(key.allowedAddresses, check.address)) {
        Verdict verdict = Verdict::deny("ADDRESS_NOT_ALLOWED", "Address not allowed",
                                        "This key may be used only from the addresses in its list.");
        verdict.status(403).audit(about(key)).principal("api-key:" + key.id, key.name);
        return Refusal{std::move(verdict), true};
    }
    if (!mayDo(check, key)) {
        Verdict verdict = Verdict::deny("API_KEY_NOT_AUTHORIZED", "API key not authorized for this job",
                                        check.lists && check.job.empty()
                                            ? "Name the job: GET /api/runs?jobId=JOB. A key lists runs of "
                                              "its own job only."
                                            : "Use a key that was made for this job.");
        verdict.status(403).audit(about(key)).principal("api-key:" + key.id, key.name);
        return Refusal{std::move(verdict), true};
    }
    return std::nullopt;
}

} // namespace usher::apikey
