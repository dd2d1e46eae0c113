// test create, list, show.
#include "base/Text.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

#include <iterator>

namespace usher::ctl {

namespace {

constexpr std::size_t scriptLimit = 1u << 20; // what the server takes in one request

std::string scriptFrom(Context& context, const std::string& file) {
    if (file == "-") {
        std::string text{std::istreambuf_iterator<char>(context.io().in), {}};
        if (text.empty()) throw UsageError("standard input holds no script");
        return text;
    }
    std::optional<std::string> text = readFile(file, scriptLimit);
    if (!text) throw UsageError("cannot read " + file, "a script is a file of at most 1 MiB");
    if (text->empty()) throw UsageError(file + " is empty");
    return *text;
}

const Json& testIn(const Json& answer) {
    return memberOf(answer, "test").is_object() ? memberOf(answer, "test") : answer;
}

int create(Context& context) {
    Json body{{"title", context.required("title")}, {"type", context.required("type")}};
    body["script"] = scriptFrom(context, context.argument(0));
    if (!isUtf8(body["script"].get_ref<const std::string&>()))
        throw UsageError("the script is not UTF-8 text");
    if (auto text = context.find("description")) body["description"] = *text;
    Json answer = context.client().send("POST", "/api/tests", body).body;
    return context.print(answer, "Test " + harmless(textOf(testIn(answer), "title")) +
                                     " is made: " + harmless(textOf(testIn(answer), "id")) + "\n");
}

int list(Context& context) {
    context.client();
    Json tests = context.allPages("/api/tests", "tests");
    Table table({"ID", "TITLE", "TYPE", "CHANGED"});
    for (const Json& test : tests)
        table.add(
            {textOf(test, "id"), textOf(test, "title"), textOf(test, "type"), timeOf(test, "updatedAt")});
    return context.print(Json{{"tests", tests}, {"nextCursor", nullptr}},
                         table.empty() ? "No tests yet.\n" : table.text());
}

int show(Context& context) {
    std::string id = context.testId(context.argument(0));
    Json answer = context.client().get("/api/tests/" + id);
    const Json& test = testIn(answer);
    OutputFilter filter(!context.io().outIsTerminal);
    std::string script = filter.feed(textOf(test, "script")) + filter.finish();
    if (!script.empty() && script.back() != '\n') script += "\n";
    return context.print(answer, harmless(textOf(test, "title")) + " (" + harmless(textOf(test, "type")) +
                                     ", " + harmless(textOf(test, "id")) + ")\n" +
                                     harmless(textOf(test, "description")) +
                                     (textOf(test, "description").empty() ? "" : "\n") + "\n" + script);
}

} // namespace

void addTestCommands(std::vector<Command>& commands) {
    commands.push_back(
        {"test create",
         "FILE",
         "make a test from a script",
         1,
         1,
         {{"title", "T", "what it checks"},
          {"type", "TYPE", "shell, python, node, playwright, k6, … (the server's interpreters)"},
          {"description", "TEXT", "more about it"}},
         "FILE - reads the script from standard input. Exit code 0 means passed.\n\n"
         "Examples\n"
         "  usherctl test create --title 'disk has room' --type shell disk.sh\n"
         "  echo 'curl -fsS http://localhost/' | usherctl test create --title up --type shell -",
         create});
    commands.push_back({"test list", "", "all tests", 0, 0, {}, "", list});
    commands.push_back({"test show", "TEST", "one test with its script", 1, 1, {}, "", show});
}

} // namespace usher::ctl
