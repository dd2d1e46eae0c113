#include "session/Judge.h"

#include "session/Origin.h"
#include "session/Roles.h"

#include <chrono>

namespace usher::session {

namespace {

using auth::Verdict;

/// What is left for the verdict to travel.
constexpr std::chrono::milliseconds kReserve{50};
/// At most this is spent on extending: the answer must not wait for a busy writer.
constexpr std::chrono::milliseconds kExtendBudget{200};

bool originIsOurs(const auth::Request& request) {
    const OwnAddress own{request.attribute("public_url").value_or(""),
                         request.attribute("port").value_or("")};
    return isOurOrigin(*request.header("Origin"), own);
}

Verdict unauthorized(const Credential& credential) {
    Verdict verdict =
        Verdict::abstain("UNAUTHORIZED", "Unauthorized",
                         "Sign in at POST /api/auth/sign-in/email, then send the session's cookie or token.");
    verdict.header("WWW-Authenticate", credential.triedBearer ? "Bearer error=\"invalid_token\"" : "Bearer");
    return verdict;
}

} // namespace

Verdict Judge::judge(const auth::Request& request) const {
    const Credential credential = readCredential(request, _cookies);
    if (changesState(request.method()) && credential.carriesCookie &&
        credential.kind != Credential::Kind::bearer && !originIsOurs(request))
        return Verdict::deny(
                   "ORIGIN_NOT_ALLOWED", "Origin not allowed",
                   "A request that changes something and carries a cookie needs an Origin header that is "
                   "this server's own ([http] public_url).")
            .status(403);
    if (isOpen(request.action())) return Verdict::allow("anonymous");
    if (credential.kind == Credential::Kind::none) return unauthorized(credential);
    try {
        return judgeSession(request, credential);
    } catch (const plugin::DatabaseUnavailable& error) {
        // DENY and not ERROR, because an error has no text of its own: nobody gets in either way.
        Verdict verdict = Verdict::deny("STORAGE_UNAVAILABLE", "Storage unavailable",
                                        "The database does not answer. Try again in a moment.");
        verdict.status(503).audit(error.what()).header("Retry-After", "1");
        return verdict;
    }
}

Verdict Judge::judgeSession(const auth::Request& request, const Credential& credential) const {
    const plugin::Deadline deadline = request.deadline() - kReserve;
    const std::optional<SignedIn> session = _sessions.find(deadline, credential.storedToken);
    if (!session) return unauthorized(credential);
    const std::string principal = "user:" + session->user.id;
    const std::string role(toText(session->user.role));
    if (!permits(session->user.role, request.action()))
        return Verdict::deny("INSUFFICIENT_PERMISSIONS", "Insufficient permissions",
                             "Your role is " + role + ". Ask an admin to do this, or for another role.")
            .status(403)
            .audit("role " + role)
            .principal(principal, session->user.name);
    Verdict verdict = Verdict::allow(principal, session->user.name, role);
    if (extendIfDue(credential, *session, deadline) && credential.kind == Credential::Kind::cookie)
        for (const std::string& cookie : _cookies.setting(credential.storedToken, isSecure(request), true))
            verdict.header("Set-Cookie", cookie);
    return verdict;
}

bool Judge::extendIfDue(const Credential& credential, const SignedIn& session,
                        plugin::Deadline deadline) const {
    if (!session.due || credential.dontRemember) return false;
    try {
        return _sessions.extend(std::min(deadline, std::chrono::steady_clock::now() + kExtendBudget),
                                credential.storedToken);
    } catch (const plugin::DatabaseUnavailable& error) {
        _warn(std::string("a session could not be extended: ") + error.what());
        return false;
    }
}

} // namespace usher::session
