// setup, sign-in, sign-out, whoami: who this person is to the server.
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

/// Signs in for usherctl (a bearer session) and keeps the token. Returns the server's answer without the
/// token.
Json signIn(Context& context, const std::string& email, const std::string& password) {
    Answer answer = context.anonymous().send(
        "POST", "/api/auth/sign-in/email", Json{{"email", email}, {"password", password}, {"bearer", true}});
    std::string token = textOf(answer.body, "token");
    if (token.empty()) token = textOf(memberOf(answer.body, "session"), "token");
    if (token.empty())
        throw Refused(answer.status, "No session", "the server's answer holds no token for usherctl", "",
                      answer.field("X-Request-Id"), nullptr);
    context.credentials().save(context.anonymous().url(), {token, email});
    Json shown = answer.body;
    shown.erase("token");
    if (shown.contains("session") && shown["session"].is_object()) shown["session"].erase("token");
    return shown;
}

int setup(Context& context) {
    std::string email = context.required("email");
    std::string file = context.find("token-file")
                           .value_or(context.find("state-dir").value_or("/var/lib/usher") + "/setup-token");
    std::string token = Context::secretFromFile(file, "setup token");
    Json body{{"token", token},
              {"email", email},
              {"password", context.password("Password for " + harmless(email) + ": ")}};
    if (auto name = context.find("name")) body["name"] = *name;
    Json answer = context.anonymous().send("POST", "/api/auth/setup", body).body;
    signIn(context, email, body["password"]);
    return context.print(answer, "The first admin is " + harmless(email) + ", and signed in here.\n" +
                                     "Next: usherctl job import DIR, or usherctl job create NAME\n");
}

int signInCommand(Context& context) {
    std::string email = context.required("email");
    Json answer = signIn(context, email, context.password("Password for " + harmless(email) + ": "));
    return context.print(answer,
                         "Signed in to " + context.anonymous().url() + " as " + harmless(email) + ".\n");
}

int signOut(Context& context) {
    std::string url = context.anonymous().url();
    if (!context.credentials().find(url))
        return context.print(Json{{"success", true}}, "Nobody was signed in.\n");
    Json answer{{"success", true}};
    try {
        answer = context.client().send("POST", "/api/auth/sign-out", Json::object()).body;
    } catch (const Refused& e) {
        if (e.status() != 401) throw; // the session was gone already
    }
    context.credentials().forget(url);
    return context.print(answer, "Signed out of " + url + ".\n");
}

int whoami(Context& context) {
    Json answer = context.client().get("/api/auth/get-session");
    if (!answer.is_object() || memberOf(answer, "user").is_null()) {
        if (context.json()) context.io().out << toText(answer) << "\n";
        throw UsageError("the sign-in to " + context.client().url() + " has ended",
                         "usherctl sign-in --email you@example.org");
    }
    const Json& user = memberOf(answer, "user");
    return context.print(answer, harmless(textOf(user, "email")) + " (" + harmless(textOf(user, "role")) +
                                     ") on " + context.client().url() + "\n");
}

} // namespace

void addAccountCommands(std::vector<Command>& commands) {
    const Option passwordStdin{"password-stdin", "",
                               "read the password from standard input instead of asking"};
    commands.push_back(
        {"setup",
         "",
         "create the first admin of a new server, and sign in",
         0,
         0,
         {{"email", "E", "address of the admin"},
          {"name", "N", "name of the admin"},
          passwordStdin,
          {"token-file", "FILE", "the one-time token (default: STATE-DIR/setup-token)"},
          {"state-dir", "DIR", "the server's state folder (default: /var/lib/usher)"}},
         "While a server has no users, a one-time token lies in its state folder: whoever can read it may\n"
         "become the first admin. Afterwards the token is gone.\n\n"
         "Examples\n"
         "  sudo usherctl setup --email you@example.org\n"
         "  usherctl setup --email you@example.org --password-stdin --state-dir ./state < password.txt",
         setup});
    commands.push_back({"sign-in",
                        "",
                        "sign in; the session is kept in ~/.config/usher/credentials.json",
                        0,
                        0,
                        {{"email", "E", "your address"}, passwordStdin},
                        "The session is kept per server, readable by you only.\n\n"
                        "Examples\n"
                        "  usherctl sign-in --email you@example.org\n"
                        "  usherctl sign-in --server https://usher.example.org --email you@example.org",
                        signInCommand});
    commands.push_back({"sign-out", "", "end the session, here and on the server", 0, 0, {}, "", signOut});
    commands.push_back({"whoami", "", "who is signed in", 0, 0, {}, "", whoami});
}

} // namespace usher::ctl
