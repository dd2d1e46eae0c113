// node list, drain, undrain.
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

#include <thread>

namespace usher::ctl {

namespace {

Json nodesOf(Context& context) {
    return memberOf(context.client().get("/api/nodes"), "nodes");
}

/// The one node with this id or name.
std::string nodeId(Context& context, const std::string& idOrName) {
    std::string found;
    int matches = 0;
    for (const Json& node : nodesOf(context)) {
        if (textOf(node, "id") == idOrName) return idOrName;
        if (textOf(node, "name") != idOrName) continue;
        found = textOf(node, "id");
        ++matches;
    }
    if (matches == 1) return found;
    throw UsageError(matches == 0 ? "there is no node " + harmless(idOrName)
                                  : std::to_string(matches) + " nodes are called " + harmless(idOrName),
                     "usherctl node list shows ids and names");
}

int list(Context& context) {
    Json answer = context.client().get("/api/nodes");
    Table table({"ID", "NAME", "STATE", "RUNNING", "LAST BEAT", "ADDRESS"});
    for (const Json& node : memberOf(answer, "nodes"))
        table.add({textOf(node, "id"), textOf(node, "name"), textOf(node, "state"),
                   std::to_string(numberOf(node, "running")), timeOf(node, "heartbeatAt"),
                   textOf(node, "address")});
    return context.print(answer, table.text());
}

int drain(Context& context) {
    const std::string id = nodeId(context, context.argument(0));
    auto wait = context.integer("wait", 1, 86'400);
    Json answer = context.client().send("POST", "/api/nodes/" + id + "/drain", Json::object()).body;
    std::int64_t running = numberOf(memberOf(answer, "node"), "running");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wait.value_or(0));
    while (running > 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        for (const Json& node : nodesOf(context))
            if (textOf(node, "id") == id) running = numberOf(node, "running");
    }
    context.print(answer, running == 0 ? "Drained: it claims nothing and runs nothing.\n"
                                       : "Draining: it claims nothing; " + std::to_string(running) +
                                             " of its runs go on.\n");
    return wait && running > 0 ? 1 : 0;
}

int undrain(Context& context) {
    const std::string id = nodeId(context, context.argument(0));
    Json answer = context.client().send("POST", "/api/nodes/" + id + "/undrain", Json::object()).body;
    return context.print(answer, "It claims again.\n");
}

} // namespace

void addNodeCommands(std::vector<Command>& commands) {
    commands.push_back({"node list",
                        "",
                        "the nodes that share this database: state, runs, last beat",
                        0,
                        0,
                        {},
                        "States: up; draining (claims nothing); silent (has not beaten for longer than its "
                        "lease).\n\nExample\n  usherctl node list",
                        list});
    commands.push_back({"node drain",
                        "NODE",
                        "let a node claim no more runs; what it runs goes on",
                        1,
                        1,
                        {{"wait", "SECONDS", "wait until it runs nothing; exit code 1 when it still does"}},
                        "NODE is an id or the name of exactly one node. The flag stays over restarts, until\n"
                        "`usherctl node undrain`.\n\n"
                        "Examples\n"
                        "  usherctl node drain build-3\n"
                        "  usherctl node drain build-3 --wait 600 && ssh build-3 sudo reboot",
                        drain});
    commands.push_back({"node undrain",
                        "NODE",
                        "let a drained node claim again",
                        1,
                        1,
                        {},
                        "Example\n  usherctl node undrain build-3",
                        undrain});
}

} // namespace usher::ctl
