#include "session/Users.h"

#include "common/Text.h"
#include "session/Password.h"

namespace usher::session {

using plugin::Json;

namespace {

constexpr const char* kPasswordRule = "must be 8 to 128 characters";
constexpr const char* kEmailRule = "must be an e-mail address of at most 254 characters";
constexpr const char* kNameRule = "must be 1 to 255 characters, without control characters";
constexpr const char* kRoleRule = "must be admin, editor or viewer";

std::string readEmail(Body& body) {
    const std::optional<std::string> email = parseEmail(body.requiredText("email"));
    if (!email) body.complain("email", kEmailRule);
    return email.value_or("");
}

std::string readPassword(Body& body) {
    const std::string password = body.requiredText("password");
    if (!Password::acceptable(password)) body.complain("password", kPasswordRule);
    return password;
}

std::optional<std::string> readName(Body& body) {
    const std::optional<std::string> given = body.text("name");
    if (!given) return std::nullopt;
    const std::optional<std::string> name = parseName(*given);
    if (!name) body.complain("name", kNameRule);
    return name;
}

/// In the words of the daemon's own lists.
auth::HttpResponse invalidPage(const Ask& ask, const std::string& field) {
    const std::string rule = field == "limit" ? "must be a whole number from 1 to 200"
                                              : "must be a nextCursor that was given before";
    Json details = Json::array();
    details.push_back({{"field", field}, {"message", rule}});
    return refuse(ask, 400, "INVALID_REQUEST", "Invalid request", field + ": " + rule, details);
}

/// Rows were read to one beyond the page: takes that one off and gives the cursor of what follows, or null.
template <class Row, class Key>
Json cutPage(std::vector<Row>& rows, const Page& page, Key keyOf) {
    if (rows.size() <= page.limit) return nullptr;
    rows.pop_back();
    return cursorOf(keyOf(rows.back()));
}

} // namespace

auth::HttpResponse Users::setUp(const Ask& ask) {
    Body body(ask);
    const std::string token(plugin::trim(body.requiredText("token")));
    UserStore::New admin;
    admin.email = readEmail(body);
    const std::string password = readPassword(body);
    admin.name = readName(body).value_or(admin.email.substr(0, admin.email.find('@')));
    admin.role = Role::admin;
    SetupToken::Outcome outcome = _setup.judge(ask.deadline, token);
    // Once it is done, what the body holds does not matter.
    if (outcome != SetupToken::Outcome::alreadyDone && !body.valid()) return body.refusal(ask);
    User created;
    if (outcome == SetupToken::Outcome::done) {
        admin.passwordHash = Password::hash(password);
        outcome = _setup.redeem(ask.deadline, token, admin, created);
    }
    switch (outcome) {
    case SetupToken::Outcome::done:
        _audit({"user:" + created.id, "setup.create", "user:" + created.id, "allowed", "", "", ask.address,
                ask.requestId});
        return answer(201, {{"user", toJson(created)}});
    case SetupToken::Outcome::wrongToken:
        _audit({"anonymous", "setup.create", "", "refused", "INVALID_SETUP_TOKEN", "", ask.address,
                ask.requestId});
        return refuse(
            ask, 401, "INVALID_SETUP_TOKEN", "Invalid setup token",
            "The token is in the file setup-token of the state folder; the log says on which node.");
    case SetupToken::Outcome::alreadyDone:
        break;
    }
    return refuse(ask, 409, "SETUP_DONE", "Setup is already done",
                  "There is a user already: sign in, or ask an admin.");
}

auth::HttpResponse Users::list(const Ask& ask) {
    const Page page = readPage(ask);
    if (!page.wrong.empty()) return invalidPage(ask, page.wrong);
    std::vector<User> users = _users.list(ask.deadline, page.after, page.limit + 1);
    Json next = cutPage(users, page, [](const User& last) { return last.email; });
    Json list = Json::array();
    for (const User& user : users) {
        list.push_back(toJson(user));
        list.back()["banReason"] = user.banReason ? Json(*user.banReason) : Json(nullptr);
    }
    return answer(200, {{"users", std::move(list)}, {"nextCursor", std::move(next)}});
}

auth::HttpResponse Users::create(const Ask& ask) {
    Body body(ask);
    UserStore::New user;
    user.email = readEmail(body);
    const std::string password = readPassword(body);
    const std::optional<std::string> name = readName(body);
    if (!body.has("name")) body.complain("name", "is required");
    user.name = name.value_or("");
    const std::optional<Role> role = parseRole(body.requiredText("role"));
    if (!role) body.complain("role", kRoleRule);
    user.role = role.value_or(Role::viewer);
    if (!body.valid()) return body.refusal(ask);

    user.passwordHash = Password::hash(password);
    const std::optional<User> created = _users.create(ask.deadline, user);
    if (!created)
        return refuse(ask, 409, "EMAIL_TAKEN", "A user with this email already exists",
                      "Change that user, or take another e-mail.");
    record(ask, "user.create", "user:" + created->id, "", "role=" + std::string(toText(created->role)));
    return answer(201, {{"success", true}, {"user", toJson(*created)}});
}

auth::HttpResponse Users::change(const Ask& ask) {
    Body body(ask);
    UserStore::Change change;
    std::string detail;
    change.name = readName(body);
    if (const std::optional<std::string> role = body.text("role")) {
        change.role = parseRole(*role);
        if (!change.role) body.complain("role", kRoleRule);
        detail += "role=" + *role + " ";
    }
    change.banned = body.boolean("banned");
    const std::optional<std::string> password = body.text("password");
    if (password && !Password::acceptable(*password)) body.complain("password", kPasswordRule);
    if (!body.valid()) return body.refusal(ask);
    if (!change.name && !change.role && !change.banned && !password) {
        body.complain("", "name, role, banned or password is required");
        return body.refusal(ask);
    }

    if (password) change.passwordHash = Password::hash(*password);
    if (change.banned) detail += *change.banned ? "banned " : "unbanned ";
    if (password) detail += "password ";
    if (change.name) detail += "name ";
    User after;
    const UserStore::Outcome outcome = ask.id.size() > 64
                                           ? UserStore::Outcome::notFound
                                           : _users.change(ask.deadline, ask.id, change, after);
    switch (outcome) {
    case UserStore::Outcome::done:
        record(ask, "user.update", "user:" + after.id, "", detail);
        return answer(200, {{"success", true}, {"user", toJson(after)}});
    case UserStore::Outcome::lastAdmin:
        record(ask, "user.update", "user:" + ask.id, "LAST_ADMIN", detail);
        return refuse(ask, 409, "LAST_ADMIN", "The last admin cannot be demoted or banned",
                      "Make another user an admin first.");
    case UserStore::Outcome::notFound:
        break;
    }
    return refuse(ask, 404, "USER_NOT_FOUND", "User not found", "See GET /api/users.");
}

auth::HttpResponse Users::listSessions(const Ask& ask) {
    const Page page = readPage(ask);
    if (!page.wrong.empty()) return invalidPage(ask, page.wrong);
    std::vector<SignedIn> sessions = _sessions.list(ask.deadline, page.after, page.limit + 1);
    Json next = cutPage(sessions, page, [](const SignedIn& last) { return last.sessionId; });
    Json list = Json::array();
    for (const SignedIn& session : sessions) {
        Json item = toJson(session);
        item["userName"] = session.user.name;
        item["userEmail"] = session.user.email;
        item["bearer"] = session.bearer;
        list.push_back(std::move(item));
    }
    return answer(200, {{"sessions", std::move(list)}, {"nextCursor", std::move(next)}});
}

auth::HttpResponse Users::revokeSession(const Ask& ask) {
    if (ask.id.size() > 64 || !_sessions.removeById(ask.deadline, ask.id))
        return refuse(ask, 404, "SESSION_NOT_FOUND", "Session not found", "See GET /api/sessions.");
    record(ask, "session.revoke", "session:" + ask.id, "", "");
    return answer(200, {{"success", true}, {"message", "Session revoked"}});
}

void Users::record(const Ask& ask, const std::string& action, const std::string& resource,
                   const std::string& code, const std::string& detail) {
    _audit({ask.principalId, action, resource, code.empty() ? "allowed" : "refused", code,
            std::string(plugin::trim(detail)), ask.address, ask.requestId});
}

} // namespace usher::session
