#include "base/Json.h"
#include "base/Text.h"
#include "ctl/Client.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

void tellRefusal(const Refused& refused, Io& io, bool json) {
    if (json && !refused.body().is_null()) io.out << toText(refused.body()) << "\n";
    std::string line = "error: " + harmless(refused.title());
    if (!refused.message().empty()) line += ": " + harmless(refused.message());
    if (!refused.requestId().empty()) line += " (request " + harmless(refused.requestId()) + ")";
    io.err << line << "\n";
    for (const Json& detail : memberOf(refused.body(), "details"))
        io.err << "  " << harmless(textOf(detail, "field")) << ": " << harmless(textOf(detail, "message"))
               << "\n";
    if (refused.retryAfterSeconds > 0) io.err << "hint: try again in " << refused.retryAfterSeconds << " s\n";
    if (refused.status() == 401 && (refused.title() == "Unauthorized" || refused.code() == "UNAUTHORIZED"))
        io.err << "hint: the sign-in may have ended; usherctl sign-in --email you@example.org\n";
}

} // namespace

CommandTable allCommands() {
    std::vector<Command> commands;
    addAccountCommands(commands);
    addJobCommands(commands);
    addImportCommand(commands);
    addTestCommands(commands);
    addSecretCommands(commands);
    addScheduleCommands(commands);
    addWebhookCommands(commands);
    addKeyCommands(commands);
    addKeyInspectCommand(commands);
    addTriggerCommand(commands);
    addRunCommands(commands);
    addUserCommands(commands);
    addAuditCommand(commands);
    addPluginCommands(commands);
    addNodeCommands(commands);
    return CommandTable(std::move(commands));
}

int runCommandLine(const std::vector<std::string>& words, Io& io) {
    static const CommandTable table = allCommands();
    bool json = false;
    try {
        CommandTable::Parsed parsed = table.parse(words);
        if (parsed.text) {
            io.out << *parsed.text << std::flush;
            return 0;
        }
        json = parsed.invocation.has("json");
        const Command* command = parsed.invocation.command;
        Context context(io, std::move(parsed.invocation));
        int code = command->run(context);
        io.out << std::flush;
        if (!io.out) {
            io.err << "error: cannot write to standard output\n";
            return code == 0 ? 3 : code;
        }
        return code;
    } catch (const UsageError& e) {
        io.err << "error: " << e.what() << "\n";
        if (!e.hint().empty()) io.err << "hint: " << e.hint() << "\n";
        return 2;
    } catch (const Refused& e) {
        tellRefusal(e, io, json);
        return 7;
    } catch (const Unreachable& e) {
        io.err << "error: " << e.what() << "\n"
               << "hint: is usherd running there (systemctl status usherd)? --server or USHER_SERVER name "
                  "another "
                  "address\n";
        return 8;
    } catch (const std::exception& e) {
        io.err << "error: " << oneLine(e.what()) << "\n";
        return 3;
    }
}

} // namespace usher::ctl
