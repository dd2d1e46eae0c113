#pragma once

#include "Check.h"

namespace usher::apikey {

// The verdicts of the trigger table, in its words. A key that nobody knows is an ABSTAIN: another plugin may
// know it; the words are used when everybody abstains.
auth::Verdict keyRequired();
auth::Verdict conflictingCredentials();
auth::Verdict invalidFormat();
auth::Verdict unknownKey();
auth::Verdict rateLimited(const KeyRow& key, const Limits& limits);
/// `refillMs`: until the uses are full again; nothing: never.
auth::Verdict usedUp(const KeyRow& key, const std::optional<Limits>& limits,
                     const std::optional<std::int64_t>& refillMs);
/// Without a role the host shows a list only what the key itself has started; a key that may read the whole
/// job gets the role viewer for it.
auth::Verdict allowed(const Check& check, const KeyRow& key, const std::optional<Limits>& limits);

/// Everything about a known key that needs no counting, in the order of the table: disabled, expired,
/// address, permission. Nothing: no objection. `valid` says whether the key itself is good (its answers carry
/// the RateLimit fields).
struct Refusal {
    auth::Verdict verdict;
    bool valid;
};
std::optional<Refusal> refusal(const Check& check, const KeyRow& key);

/// Adds the RateLimit fields and their twins.
void addLimits(auth::Verdict& verdict, const Limits& limits);

} // namespace usher::apikey
