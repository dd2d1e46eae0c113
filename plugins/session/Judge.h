#pragma once

#include "session/Ask.h"
#include "session/SessionStore.h"

#include "usher/auth.hpp"

#include <functional>
#include <string>

namespace usher::session {

/// Answers check(): who asks, and may they do this? Reads the session anew for each question. [any-thread]
///
/// In this order: a state-changing request that carries a cookie and no Bearer token of ours needs an Origin
/// that is ours (DENY 403); signing in and out, asking who one is and the first setup are open to anybody;
/// without a valid session ABSTAIN (401 when everybody abstains); a role that does not permit the action DENY
/// 403. A session whose last extension is older than a day is extended.
class Judge {
public:
    using Warn = std::function<void(const std::string& line)>;

    Judge(SessionStore& sessions, const Cookies& cookies, Warn warn)
        : _sessions(sessions), _cookies(cookies), _warn(std::move(warn)) {}

    auth::Verdict judge(const auth::Request& request) const;

    /// Extends the session if it is due and may be; true when the client's cookie is to be sent again. A
    /// database that cannot write just now is no reason to turn somebody away.
    bool extendIfDue(const Credential& credential, const SignedIn& session, plugin::Deadline deadline) const;

private:
    auth::Verdict judgeSession(const auth::Request& request, const Credential& credential) const;

    SessionStore& _sessions;
    const Cookies& _cookies;
    const Warn _warn;
};

} // namespace usher::session
