// user add, list, role, passwd, disable, enable; session list, revoke: for admins.
#include "base/Text.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

int addUser(Context& context) {
    const std::string& email = context.argument(0);
    Json body{{"email", email},
              {"name", context.find("name").value_or(email.substr(0, email.find('@')))},
              {"role", context.required("role")}};
    context.client();
    body["password"] = context.password("Password for " + harmless(email) + ": ");
    Json answer = context.client().send("POST", "/api/users", body).body;
    const Json& user = memberOf(answer, "user");
    return context.print(answer, "User " + harmless(textOf(user, "email")) +
                                     " is made: " + harmless(textOf(user, "id")) + "\n");
}

int listUsers(Context& context) {
    context.client();
    Json users = context.allPages("/api/users", "users");
    Table table({"ID", "EMAIL", "NAME", "ROLE", "STATE", "SINCE"});
    for (const Json& user : users)
        table.add({textOf(user, "id"), textOf(user, "email"), textOf(user, "name"), textOf(user, "role"),
                   flagOf(user, "banned") ? "disabled" : "enabled", timeOf(user, "createdAt")});
    return context.print(Json{{"users", users}}, table.text());
}

/// USER is the id or the e-mail. The user as listed.
Json userOf(Context& context) {
    const std::string& wanted = context.argument(0);
    context.client();
    for (const Json& user : context.allPages("/api/users", "users"))
        if (textOf(user, "id") == wanted || equalsIgnoreCase(textOf(user, "email"), wanted)) return user;
    throw UsageError("there is no user " + harmless(wanted), "usherctl user list shows who there is");
}

int change(Context& context, const Json& body, const std::string& told) {
    Json user = userOf(context);
    Json answer =
        context.client().send("PATCH", "/api/users/" + percentEncode(textOf(user, "id")), body).body;
    return context.print(answer, harmless(textOf(user, "email")) + " " + told + "\n");
}

int setRole(Context& context) {
    const std::string& role = context.argument(1);
    return change(context, Json{{"role", role}}, "is " + harmless(role) + " from now on.");
}

int disable(Context& context) {
    return change(context, Json{{"banned", true}}, "is disabled, and signed out everywhere.");
}

int enable(Context& context) {
    return change(context, Json{{"banned", false}}, "may sign in again.");
}

int setPassword(Context& context) {
    Json body{{"password", context.password("New password for " + harmless(context.argument(0)) + ": ")}};
    return change(context, body, "has a new password, and is signed out everywhere.");
}

int listSessions(Context& context) {
    context.client();
    Json sessions = context.allPages("/api/sessions", "sessions");
    Table table({"ID", "USER", "KIND", "FROM", "SINCE", "USED", "ENDS", "PROGRAM"});
    for (const Json& session : sessions)
        table.add({textOf(session, "id"), textOf(session, "userEmail"),
                   flagOf(session, "bearer") ? "usherctl" : "browser", textOf(session, "ipAddress"),
                   timeOf(session, "createdAt"), timeOf(session, "updatedAt"), timeOf(session, "expiresAt"),
                   textOf(session, "userAgent").substr(0, 40)});
    return context.print(Json{{"sessions", sessions}},
                         table.empty() ? "Nobody is signed in.\n" : table.text());
}

int revokeSession(Context& context) {
    Json answer = context.client().send("DELETE", "/api/sessions/" + percentEncode(context.argument(0))).body;
    return context.print(answer, "Revoked: it opens nothing any more.\n");
}

} // namespace

void addUserCommands(std::vector<Command>& commands) {
    const Option passwordStdin{"password-stdin", "",
                               "read the password from standard input instead of asking"};
    const std::string userHelp = "USER is an id or an e-mail. ";
    commands.push_back({"user add",
                        "EMAIL",
                        "make a user",
                        1,
                        1,
                        {{"role", "ROLE", "viewer (reads), editor (creates and runs) or admin"},
                         {"name", "N", "name of the person (default: what stands before the @)"},
                         passwordStdin},
                        "Examples\n"
                        "  usherctl user add eve@example.org --role editor --name Eve\n"
                        "  usherctl user add ci@example.org --role viewer --password-stdin < password.txt",
                        addUser});
    commands.push_back({"user list", "", "all users", 0, 0, {}, "", listUsers});
    commands.push_back(
        {"user role",
         "USER ROLE",
         "change what a user may do: viewer, editor or admin",
         2,
         2,
         {},
         userHelp + "The last admin stays one.\n\nExample\n  usherctl user role eve@example.org admin",
         setRole});
    commands.push_back(
        {"user passwd",
         "USER",
         "give a user a new password; ends all of the user's sessions",
         1,
         1,
         {passwordStdin},
         userHelp + "\n\nExample\n  usherctl user passwd eve@example.org --password-stdin < password.txt",
         setPassword});
    commands.push_back({"user disable",
                        "USER",
                        "let a user in no more; ends all of the user's sessions at once",
                        1,
                        1,
                        {},
                        userHelp + "The user's keys go on working: usherctl key list shows whose they are.",
                        disable});
    commands.push_back({"user enable", "USER", "undo disable", 1, 1, {}, userHelp, enable});
    commands.push_back({"session list", "", "who is signed in, from where", 0, 0, {}, "", listSessions});
    commands.push_back({"session revoke",
                        "SESSION",
                        "end a session, at once and on every node",
                        1,
                        1,
                        {},
                        "SESSION is an id of usherctl session list.",
                        revokeSession});
}

} // namespace usher::ctl
