#pragma once

#include "session/Answer.h"
#include "session/Body.h"
#include "session/Judge.h"
#include "session/Throttle.h"

#include <functional>

namespace usher::session {

using Audit = std::function<void(auth::AuditRecord record)>;

/// Sign-in, sign-out, and who is signed in. [any-thread]; signIn() hashes: on PasswordThreads only.
class SignIn {
public:
    SignIn(UserStore& users, SessionStore& sessions, const Cookies& cookies, const Judge& judge,
           Throttle& throttle, Audit audit)
        : _users(users), _sessions(sessions), _cookies(cookies), _judge(judge), _throttle(throttle),
          _audit(std::move(audit)) {}

    /// POST /api/auth/sign-in/email {email, password, rememberMe?, bearer?}. Unknown e-mail, wrong password
    /// and an account without a password: one answer after one amount of work.
    auth::HttpResponse signIn(const Ask& ask);
    /// POST /api/auth/sign-out: the row is deleted, so the session is dead at once, everywhere.
    auth::HttpResponse signOut(const Ask& ask);
    /// GET /api/auth/get-session: {session, user} or null.
    auth::HttpResponse getSession(const Ask& ask);

private:
    struct Wanted {
        std::string email, password;
        bool remember = true, bearer = false;
    };
    auth::HttpResponse judged(const Ask& ask, const Wanted& wanted);
    auth::HttpResponse refused(const Ask& ask, const std::string& userId);
    auth::HttpResponse opened(const Ask& ask, const Wanted& wanted, const UserStore::WithPassword& found);

    UserStore& _users;
    SessionStore& _sessions;
    const Cookies& _cookies;
    const Judge& _judge;
    Throttle& _throttle;
    const Audit _audit;
};

} // namespace usher::session
