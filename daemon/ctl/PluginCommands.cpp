// plugin list, show, check; auth explain: who decides, and what they would say.
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

#include "base/Text.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace usher::ctl {

namespace {

std::string chainsOf(const Json& plugin) {
    std::string text;
    for (const Json& chain : memberOf(plugin, "chains"))
        if (chain.is_string()) text += (text.empty() ? "" : ", ") + chain.get<std::string>();
    return text.empty() ? "-" : text;
}

/// New code is loaded how?
std::string cureOf(const Json& plugin) {
    return textOf(plugin, "isolation") == "process" ? "usherctl reload" : "restart usherd";
}

int listPlugins(Context& context) {
    Json answer = context.client().get("/api/plugins");
    Table table({"NAME", "VERSION", "VENDOR", "STATE", "BREAKER", "IN FLIGHT", "ASKED FOR", "ON DISK"});
    for (const Json& plugin : memberOf(answer, "plugins"))
        table.add({textOf(plugin, "name"), textOf(plugin, "version"), textOf(plugin, "vendor"),
                   textOf(plugin, "state"), textOf(plugin, "breaker"),
                   std::to_string(numberOf(plugin, "inFlight")), chainsOf(plugin),
                   flagOf(plugin, "changedOnDisk") ? "another version: " + cureOf(plugin) : "same"});
    return context.print(answer, table.text());
}

int showPlugin(Context& context) {
    Json answer = context.client().get("/api/plugins");
    for (const Json& plugin : memberOf(answer, "plugins")) {
        if (textOf(plugin, "name") != context.argument(0)) continue;
        std::string text =
            harmless(textOf(plugin, "name")) + ": " + harmless(textOf(plugin, "id")) + " " +
            harmless(textOf(plugin, "version")) + " by " + harmless(textOf(plugin, "vendor")) +
            "\nruns in: " + (textOf(plugin, "isolation") == "process" ? "a process of its own" : "usherd") +
            "\nstate: " + harmless(textOf(plugin, "state"));
        if (!textOf(plugin, "reason").empty()) text += " (" + harmless(textOf(plugin, "reason")) + ")";
        text += "\nasked for: " + harmless(chainsOf(plugin)) +
                "\nbreaker: " + harmless(textOf(plugin, "breaker")) +
                "\ncalls in flight: " + std::to_string(numberOf(plugin, "inFlight")) + "\n";
        for (const auto& [name, value] : memberOf(plugin, "counters").items())
            if (value.is_number())
                text += harmless(name) + ": " + std::to_string(value.get<std::int64_t>()) + "\n";
        if (flagOf(plugin, "changedOnDisk"))
            text += "Another version is on disk: " + cureOf(plugin) + " to run it.\n";
        return context.print(plugin, text);
    }
    throw UsageError("there is no plugin " + harmless(context.argument(0)),
                     "usherctl plugin list shows them");
}

/// `deny 401 INVALID_API_KEY: Invalid API key` or `allow user:1 (editor)`.
std::string said(const Json& verdict) {
    std::string text = harmless(textOf(verdict, "decision"));
    if (numberOf(verdict, "status") != 0) text += " " + std::to_string(numberOf(verdict, "status"));
    if (!textOf(verdict, "code").empty()) text += " " + harmless(textOf(verdict, "code"));
    if (!textOf(verdict, "error").empty()) text += ": " + harmless(textOf(verdict, "error"));
    const Json& principal = memberOf(verdict, "principal");
    if (principal.is_object()) text += "  [" + harmless(textOf(principal, "id")) + "]";
    return text;
}

/// Lines `Name: value`, as usher-plugin-check takes them.
Json headersFromFile(const std::string& path) {
    const std::optional<std::string> text = readFile(path, 64 * 1024);
    if (!text) throw UsageError("cannot read header lines from " + path);
    Json headers = Json::object();
    for (std::string_view rest = *text; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (trim(line).empty()) continue;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0)
            throw UsageError(path + ": a header line is NAME: VALUE");
        headers[std::string(trim(line.substr(0, colon)))] = std::string(trim(line.substr(colon + 1)));
    }
    return headers;
}

int explain(Context& context) {
    Json body{{"action", context.argument(0)}};
    if (context.argumentCount() > 1) body["resource"] = context.argument(1);
    if (auto file = context.find("credential-file"))
        body["credential"] = Context::secretFromFile(*file, "credential");
    else if (context.has("credential-stdin"))
        body["credential"] = context.secretFromInput("credential");
    if (auto file = context.find("headers-file")) body["headers"] = headersFromFile(*file);
    if (auto address = context.find("address")) body["address"] = *address;
    Json answer = context.client().send("POST", "/api/auth/explain", body).body;
    std::string text =
        "chain " + harmless(textOf(answer, "chain")) + " (" + harmless(textOf(answer, "mode")) + ")\n";
    for (const Json& plugin : memberOf(answer, "plugins"))
        text += "  " + harmless(textOf(plugin, "name")) + ": " +
                (flagOf(plugin, "asked") ? said(plugin) : std::string("not asked")) + "\n";
    text += "outcome: " + said(answer) + "\n";
    if (!textOf(answer, "message").empty()) text += "  " + harmless(textOf(answer, "message")) + "\n";
    return context.print(answer, text);
}

int reloadPlugins(Context& context) {
    Json answer = context.client().send("POST", "/api/plugins/reload").body;
    std::string text;
    for (const Json& problem : memberOf(answer, "problems"))
        text += harmless(problem.is_string() ? problem.get<std::string>() : "") + "\n";
    for (const Json& plugin : memberOf(answer, "plugins"))
        text += harmless(textOf(plugin, "name")) + ": " +
                (flagOf(plugin, "reloaded") ? std::string("reloaded")
                                            : "goes on as before: " + harmless(textOf(plugin, "error"))) +
                "\n";
    context.print(answer, text);
    return flagOf(answer, "success") ? 0 : 1;
}

/// Becomes usher-plugin-check: what it says, and its exit code, are the answer.
int checkPlugin(Context& context) {
    std::vector<std::string> words = {"usher-plugin-check", context.argument(0)};
    for (const char* name : {"config", "seed", "junit", "allow", "deny"})
        for (const std::string& value : context.all(name)) {
            words.push_back(std::string("--") + name);
            words.push_back(value);
        }
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    context.io().out.flush();
    // Beside this program first: a build folder, or another prefix.
    char self[4096] = {};
    if (::readlink("/proc/self/exe", self, sizeof self - 1) > 0) {
        const std::string path = self;
        ::execv((path.substr(0, path.rfind('/') + 1) + words[0]).c_str(), arguments.data());
    }
    ::execvp(words[0].c_str(), arguments.data());
    throw UsageError(std::string("cannot start usher-plugin-check: ") + std::strerror(errno),
                     "the package usher-plugin-dev has it");
}

} // namespace

void addPluginCommands(std::vector<Command>& commands) {
    commands.push_back(
        {"plugin list", "", "the plugins that decide who may do what", 0, 0, {}, "", listPlugins});
    commands.push_back(
        {"plugin show", "NAME", "one plugin: state, breaker, counters", 1, 1, {}, "", showPlugin});
    commands.push_back(
        {"plugin reload",
         "",
         "read the configuration again and give each plugin its section (admins)",
         0,
         0,
         {},
         "A second instance of each plugin is made and takes over when it is well; one that refuses\n"
         "goes on as before. A plugin in a process of its own gets new code, too. Also: usherctl reload.\n"
         "Exit code 1: something was not reloaded.\n\n"
         "Example\n"
         "  usherctl plugin reload",
         reloadPlugins});
    commands.push_back(
        {"reload", "", "the same as plugin reload", 0, 0, {}, "Example\n  usherctl reload", reloadPlugins});
    commands.push_back(
        {"plugin check",
         "FILE",
         "does this plugin keep the rules of the interface? (usher-plugin-check)",
         1,
         1,
         {{"config", "K=V", "a key of the plugin's section", true},
          {"seed", "N", "of the random requests"},
          {"junit", "FILE", "the results as JUnit XML, too"},
          {"allow", "FILE", "header lines of a credential that must be let in"},
          {"deny", "FILE", "header lines of credentials that must not be"}},
         "Loads the file on this machine, in processes of its own, and asks no server. A failure\n"
         "names the rule that is broken. Exit code 1: a rule is broken.\n\n"
         "Example\n"
         "  usherctl plugin check ./my-plugin.so --config token_file=./token --seed 7",
         checkPlugin});
    commands.push_back(
        {"auth explain",
         "ACTION [RESOURCE]",
         "what would the plugins say to this action, one by one (admins)",
         1,
         2,
         {{"credential-file", "FILE", "ask with the API key or token in this file"},
          {"credential-stdin", "", "ask with the API key or token on standard input"},
          {"headers-file", "FILE", "ask with these lines NAME: VALUE: a plugin may look elsewhere"},
          {"address", "IP", "as if it came from there"}},
         "ACTION is a noun and a verb: job.trigger, run.read, key.create. RESOURCE is the id of the\n"
         "job or run. Nothing is spent, and the credential is kept nowhere.\n\n"
         "Examples\n"
         "  usherctl auth explain job.trigger JOB-ID --credential-file ci.key\n"
         "  usherctl auth explain job.trigger JOB-ID --headers-file good-header\n"
         "  usherctl auth explain job.delete JOB-ID --credential-stdin < token.txt",
         explain});
}

} // namespace usher::ctl
