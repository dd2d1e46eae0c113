#pragma once

#include "session/Answer.h"
#include "session/SetupToken.h"
#include "session/SignIn.h"

namespace usher::session {

/// The first admin, the users and their sessions, as admins manage them. [any-thread]; setUp(), create() and
/// change() may hash: on PasswordThreads only. Who may call them is judged before, by Judge.
class Users {
public:
    Users(UserStore& users, SessionStore& sessions, SetupToken& setup, Audit audit)
        : _users(users), _sessions(sessions), _setup(setup), _audit(std::move(audit)) {}

    auth::HttpResponse setUp(const Ask& ask);  ///< POST /api/auth/setup {token, email, password, name?}
    auth::HttpResponse list(const Ask& ask);   ///< GET /api/users
    auth::HttpResponse create(const Ask& ask); ///< POST /api/users {email, name, password, role}
    auth::HttpResponse change(const Ask& ask); ///< PATCH /api/users/{id} {name?, role?, banned?, password?}
    auth::HttpResponse listSessions(const Ask& ask);  ///< GET /api/sessions
    auth::HttpResponse revokeSession(const Ask& ask); ///< DELETE /api/sessions/{id}

private:
    void record(const Ask& ask, const std::string& action, const std::string& resource,
                const std::string& code, const std::string& detail);

    UserStore& _users;
    SessionStore& _sessions;
    SetupToken& _setup;
    const Audit _audit;
};

} // namespace usher::session
