#pragma once

#include "common/Json.h"

#include <string>
#include <string_view>
#include <vector>

namespace usher::oidc {

/// One claim of a token and the values that it may have. A text may hold `*`, any characters but '/', and
/// `**`, any characters; everything else must be equal, in type too.
struct ClaimRule {
    std::string name;
    std::vector<plugin::Json> values;

    bool matches(const plugin::Json& claims) const;
};

/// Whose tokens may trigger these jobs: those with every one of the claims.
struct Rule {
    std::vector<std::string> jobs; ///< ids in lower case
    std::vector<ClaimRule> claims;
};

/// Who signs tokens, and for whom.
struct Issuer {
    std::string id; ///< the claim iss, to the letter
    std::vector<std::string> audiences;
    std::string jwksUri; ///< empty: found by discovery below the id
    std::vector<Rule> rules;

    bool mayTrigger(const std::string& job, const plugin::Json& claims) const;
};

/// The file that rules_file names. Strict: unknown fields are errors, and so is a rule that anybody's
/// repository would keep. Throws auth::ConfigError.
std::vector<Issuer> readRules(std::string_view text);

/// https, or http on this machine's own loopback addresses (tests, a local proxy).
bool isGoodUrl(const std::string& url);

/// In time that is bounded by the product of the lengths.
bool globMatches(std::string_view pattern, std::string_view text);

} // namespace usher::oidc
