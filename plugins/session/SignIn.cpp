#include "session/SignIn.h"

#include "session/Password.h"

namespace usher::session {

using plugin::Json;

namespace {

auth::HttpResponse slowDown(const Ask& ask, std::chrono::seconds wait) {
    auth::HttpResponse response =
        refuse(ask, 429, "RATE_LIMITED", "Too many attempts",
               "Too many failed sign-ins. Wait " + std::to_string(wait.count()) + " s, then try again.");
    response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
    return response;
}

} // namespace

auth::HttpResponse SignIn::signIn(const Ask& ask) {
    Body body(ask);
    Wanted wanted;
    wanted.email = lowerCase(body.requiredText("email"));
    wanted.password = body.requiredText("password");
    wanted.remember = body.boolean("rememberMe").value_or(true);
    wanted.bearer = body.boolean("bearer").value_or(false);
    if (wanted.email.empty()) body.complain("email", "must not be empty");
    if (wanted.password.empty()) body.complain("password", "must not be empty");
    if (!body.valid()) return body.refusal(ask);

    const std::chrono::seconds wait = _throttle.tryBegin(wanted.email, ask.address);
    if (wait.count() > 0) return slowDown(ask, wait);
    try {
        return judged(ask, wanted);
    } catch (...) {
        _throttle.undecided(wanted.email, ask.address);
        throw;
    }
}

auth::HttpResponse SignIn::judged(const Ask& ask, const Wanted& wanted) {
    const std::optional<UserStore::WithPassword> found = _users.findByEmail(ask.deadline, wanted.email);
    bool right = false;
    if (found && found->passwordHash)
        right = Password::matches(wanted.password, *found->passwordHash);
    else
        Password::pretend(wanted.password);
    if (!right) {
        _throttle.failed(wanted.email, ask.address);
        return refused(ask, found ? found->user.id : std::string());
    }
    _throttle.succeeded(wanted.email, ask.address);
    // Only who knows the password learns of the ban.
    if (found->user.banned) {
        _audit({"user:" + found->user.id, "session.create", "", "refused", "USER_BANNED", "", ask.address,
                ask.requestId});
        return refuse(ask, 403, "USER_BANNED", "User is banned",
                      "This account may not sign in. Ask an admin.");
    }
    return opened(ask, wanted, *found);
}

auth::HttpResponse SignIn::refused(const Ask& ask, const std::string& userId) {
    // What was typed as an e-mail is not written down: it may be a password.
    _audit({userId.empty() ? "anonymous" : "user:" + userId, "session.create", "", "refused",
            "INVALID_CREDENTIALS", "", ask.address, ask.requestId});
    return refuse(ask, 401, "INVALID_CREDENTIALS", "Invalid email or password",
                  "No account has this e-mail and password. Check both.");
}

auth::HttpResponse SignIn::opened(const Ask& ask, const Wanted& wanted,
                                  const UserStore::WithPassword& found) {
    const std::string token = wanted.bearer ? createBearerToken() : createCookieToken();
    const bool created =
        _sessions.create(ask.deadline, {wanted.bearer ? storedBearer(token) : token, found.user.id,
                                        *found.passwordHash, ask.address, ask.userAgent});
    if (!created) return refused(ask, found.user.id);
    _audit({"user:" + found.user.id, "session.create", "user:" + found.user.id, "allowed", "",
            wanted.bearer ? "bearer" : "cookie", ask.address, ask.requestId});
    auth::HttpResponse response =
        answer(200, {{"redirect", false}, {"token", token}, {"user", toJson(found.user)}});
    if (!wanted.bearer)
        for (const std::string& cookie : _cookies.setting(token, ask.secure, wanted.remember))
            response.headers.emplace_back("Set-Cookie", cookie);
    return response;
}

auth::HttpResponse SignIn::signOut(const Ask& ask) {
    if (ask.credential.kind != Credential::Kind::none) {
        const std::optional<SignedIn> session = _sessions.find(ask.deadline, ask.credential.storedToken);
        if (_sessions.remove(ask.deadline, ask.credential.storedToken) && session)
            _audit({"user:" + session->user.id, "session.delete", "session:" + session->sessionId, "allowed",
                    "", "", ask.address, ask.requestId});
    }
    auth::HttpResponse response = answer(200, {{"success", true}});
    if (ask.credential.carriesCookie)
        for (const std::string& cookie : _cookies.clearing(ask.secure))
            response.headers.emplace_back("Set-Cookie", cookie);
    return response;
}

auth::HttpResponse SignIn::getSession(const Ask& ask) {
    std::optional<SignedIn> session;
    if (ask.credential.kind != Credential::Kind::none)
        session = _sessions.find(ask.deadline, ask.credential.storedToken);
    if (!session) return answer(200, nullptr);
    const bool extended = _judge.extendIfDue(ask.credential, *session, ask.deadline);
    if (extended) session = _sessions.find(ask.deadline, ask.credential.storedToken);
    if (!session) return answer(200, nullptr);
    auth::HttpResponse response =
        answer(200, {{"session", toJson(*session)}, {"user", toJson(session->user)}});
    if (extended && ask.credential.kind == Credential::Kind::cookie)
        for (const std::string& cookie : _cookies.setting(ask.credential.storedToken, ask.secure, true))
            response.headers.emplace_back("Set-Cookie", cookie);
    return response;
}

} // namespace usher::session
