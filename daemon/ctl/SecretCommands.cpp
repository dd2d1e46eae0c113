// secret list, set, delete.
#include "base/Text.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

#include <iterator>

namespace usher::ctl {

namespace {

constexpr std::size_t kMostBytes = 32 * 1024;

std::string pathOf(Context& context) {
    return "/api/jobs/" + context.jobId(context.argument(0)) + "/secrets";
}

/// All of it, without one line end at its end: what `echo` and editors add is no part of a secret.
std::string valueOf(Context& context) {
    std::string value;
    if (auto file = context.find("file")) {
        auto text = readFile(*file, kMostBytes + 2);
        if (!text) throw UsageError("cannot read " + *file, "a value has at most 32 KiB");
        value = std::move(*text);
    } else {
        value.assign(std::istreambuf_iterator<char>(context.io().in), {});
    }
    if (value.ends_with('\n')) value.pop_back();
    if (value.ends_with('\r')) value.pop_back();
    if (value.empty())
        throw UsageError("the secret is empty", "give it on standard input or with --file FILE");
    if (!isUtf8(value))
        throw UsageError("the secret is not UTF-8 text", "encode it, for example with base64");
    return value;
}

int list(Context& context) {
    Json answer = context.client().get(pathOf(context));
    Table table({"NAME", "CHANGED"});
    for (const Json& secret : memberOf(answer, "secrets"))
        table.add({textOf(secret, "name"), timeOf(secret, "updatedAt")});
    return context.print(answer, table.empty() ? "No secrets yet.\n" : table.text());
}

int set(Context& context) {
    context.client();
    const std::string target = pathOf(context) + "/" + percentEncode(context.argument(1));
    Json answer = context.client().send("PUT", target, Json{{"value", valueOf(context)}}).body;
    return context.print(answer, "Secret " + harmless(context.argument(1)) + " is set.\n");
}

int remove(Context& context) {
    context.client();
    const std::string target = pathOf(context) + "/" + percentEncode(context.argument(1));
    Json answer = context.client().send("DELETE", target).body;
    return context.print(answer, "Secret " + harmless(context.argument(1)) + " is deleted.\n");
}

} // namespace

void addSecretCommands(std::vector<Command>& commands) {
    commands.push_back({"secret list",
                        "JOB",
                        "the names of a job's secrets",
                        1,
                        1,
                        {},
                        "Values are never shown.\n\nExample\n  usherctl secret list nightly",
                        list});
    commands.push_back(
        {"secret set",
         "JOB NAME",
         "give a job's tests a secret in their environment",
         2,
         2,
         {{"file", "FILE", "read the value from a file instead of standard input"}},
         "The value comes from standard input or a file, never from the command line, which everyone on the\n"
         "machine can read. One line end at its end is left out. The value is masked in the tests' "
         "output.\n\n"
         "Examples\n"
         "  usherctl secret set nightly DEPLOY_TOKEN --file token.txt\n"
         "  pass show deploy | usherctl secret set nightly DEPLOY_TOKEN",
         set});
    commands.push_back({"secret delete",
                        "JOB NAME",
                        "take a secret away from a job",
                        2,
                        2,
                        {},
                        "Example\n  usherctl secret delete nightly DEPLOY_TOKEN",
                        remove});
}

} // namespace usher::ctl
