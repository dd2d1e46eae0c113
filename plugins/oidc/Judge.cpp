#include "Judge.h"

#include "common/Crypto.h"
#include "common/Text.h"

#include <algorithm>
#include <cmath>

namespace usher::oidc {

namespace {

using auth::Verdict;
using plugin::Json;

constexpr std::size_t kLongestPrincipal = 240;

Verdict refused(Verdict verdict) {
    verdict.status(401).header("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    return verdict;
}

/// Seconds since 1970; fractions are allowed and do not count. Nothing: not there, or no sensible time.
std::optional<std::int64_t> timeOf(const Json& claims, const char* name) {
    const auto found = claims.find(name);
    if (found == claims.end() || !found->is_number()) return std::nullopt;
    const double seconds = found->get<double>();
    if (!(seconds >= 0 && seconds < 1e12)) return std::nullopt;
    return static_cast<std::int64_t>(std::floor(seconds));
}

std::string textOf(const Json& claims, const char* name) {
    const auto found = claims.find(name);
    return found != claims.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool isFor(const Json& claims, const std::vector<std::string>& audiences) {
    const auto claim = claims.find("aud");
    if (claim == claims.end()) return false;
    const auto wanted = [&](const Json& one) {
        return one.is_string() && std::find(audiences.begin(), audiences.end(),
                                            one.get_ref<const std::string&>()) != audiences.end();
    };
    return claim->is_array() ? std::any_of(claim->begin(), claim->end(), wanted) : wanted(*claim);
}

bool isPlain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Whose pipeline: stable over its runs, and unlike anybody else's.
std::string principalId(const Issuer& issuer, const std::string& subject) {
    std::string id = "oidc:" + issuer.id + "#" + subject;
    if (id.size() <= kLongestPrincipal && isPlain(id)) return id;
    return "oidc:" + plugin::toHex(plugin::sha256(id));
}

/// For people.
std::string principalName(const Json& claims, const std::string& subject) {
    std::string name = textOf(claims, "repository");
    if (name.empty()) name = textOf(claims, "project_path");
    const std::string ref = textOf(claims, "ref");
    name = name.empty() ? subject : ref.empty() ? name : name + "@" + ref;
    if (!isPlain(name)) return "CI pipeline";
    return name.substr(0, kLongestPrincipal);
}

} // namespace

Verdict tokenRequired() {
    Verdict verdict =
        Verdict::abstain("TOKEN_REQUIRED", "Token required",
                         "Send the pipeline's identity token as `Authorization: Bearer TOKEN`.");
    verdict.status(401).header("WWW-Authenticate", "Bearer");
    return verdict;
}

Verdict conflictingCredentials() {
    return Verdict::deny("CREDENTIALS_CONFLICT", "Conflicting credentials", "Send one Authorization field.")
        .status(400);
}

Verdict invalidFormat() {
    Verdict verdict = Verdict::abstain("INVALID_TOKEN_FORMAT", "Invalid token format",
                                       "Send a signed identity token (JWT), whole and unchanged.");
    verdict.guess();
    return refused(std::move(verdict));
}

Verdict unknownIssuer() {
    Verdict verdict =
        Verdict::abstain("UNKNOWN_ISSUER", "Unknown issuer", "Tokens of this issuer are not accepted here.");
    verdict.guess();
    return refused(std::move(verdict));
}

Verdict unsupportedAlgorithm() {
    Verdict verdict = Verdict::deny("UNSUPPORTED_ALGORITHM", "Unsupported algorithm",
                                    "Tokens are signed with RS256 or ES256.");
    verdict.guess();
    return refused(std::move(verdict));
}

Verdict unknownKey() {
    return refused(Verdict::deny("UNKNOWN_KEY", "Unknown key",
                                 "The issuer has no key of this name. Get a new token and try again."));
}

Verdict judge(const Question& question, const Issuer& issuer, const KeySet& keys, std::int64_t now,
              std::int64_t leeway) {
    const Json& claims = question.token.claims;
    if (!keys.signedBy(question.token)) {
        Verdict verdict = Verdict::deny("INVALID_TOKEN_SIGNATURE", "Invalid token signature",
                                        "The issuer did not sign this token.");
        verdict.guess();
        return refused(std::move(verdict));
    }
    const std::string subject = textOf(claims, "sub"), principal = principalId(issuer, subject),
                      name = principalName(claims, subject);
    const auto deny = [&](const char* code, const char* title, const char* message) {
        Verdict verdict = Verdict::deny(code, title, message);
        verdict.principal(principal, name);
        return verdict;
    };
    const auto ends = timeOf(claims, "exp"), made = timeOf(claims, "iat"), begins = timeOf(claims, "nbf");
    if (!ends || !made || subject.empty() || (claims.contains("nbf") && !begins))
        return refused(deny("INVALID_TOKEN_CLAIMS", "Invalid token claims",
                            "A token has sub, exp and iat; its times are numbers."));
    if (now >= *ends + leeway)
        return refused(deny("TOKEN_EXPIRED", "Token expired", "Get a new token for each request."));
    if (*made > now + leeway || (begins && *begins > now + leeway))
        return refused(deny("TOKEN_NOT_YET_VALID", "Token not yet valid", "Check the clocks."));
    if (!isFor(claims, issuer.audiences))
        return refused(deny("WRONG_AUDIENCE", "Token for another audience",
                            "Ask for the token with the audience that this server accepts."));
    const bool may = question.action == "job.trigger" ? issuer.mayTrigger(question.job, claims)
                                                      // What a pipeline has started it may read and cancel.
                                                      : question.startedBy == principal;
    if (!may)
        return deny("TOKEN_NOT_AUTHORIZED", "Token not authorized for this job",
                    "No rule lets this pipeline (repository, branch, environment) do this.")
            .status(403);
    return Verdict::allow(principal, name);
}

} // namespace usher::oidc
