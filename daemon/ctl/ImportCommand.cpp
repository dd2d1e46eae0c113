// job import: a folder of scripts becomes a job, and becomes the same job when it is imported again.
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/Manifest.h"
#include "ctl/TerminalText.h"

#include <map>

namespace usher::ctl {

namespace {

const Json& inner(const Json& answer, const char* name) {
    return memberOf(answer, name).is_object() ? memberOf(answer, name) : answer;
}

/// What a test that we made carries as its description: how it is found again when the server does not say
/// which tests a job lists, without ever touching a test of somebody else that happens to have the same
/// title.
std::string markOf(const std::string& jobName) {
    return "imported by usherctl into " + jobName;
}

std::optional<std::string> findJobByName(Context& context, const std::string& name) {
    std::optional<std::string> id;
    for (const Json& job : context.allPages("/api/jobs", "jobs")) {
        if (textOf(job, "name") != name) continue;
        if (id) throw UsageError("two jobs have the name " + harmless(name), "rename one of them");
        id = textOf(job, "id");
    }
    return id;
}

/// title → id of the tests that an earlier import made for this job.
std::map<std::string, std::string> earlierTests(Context& context, const std::string& jobId,
                                                const std::string& jobName) {
    std::map<std::string, std::string> byTitle;
    Json answer = context.client().get("/api/jobs/" + jobId);
    for (const Json& test : memberOf(inner(answer, "job"), "tests"))
        if (test.is_object()) byTitle[textOf(test, "title")] = textOf(test, "id");
    if (!byTitle.empty()) return byTitle;
    for (const Json& test : context.allPages("/api/tests", "tests"))
        if (textOf(test, "description") == markOf(jobName))
            byTitle[textOf(test, "title")] = textOf(test, "id");
    return byTitle;
}

int import(Context& context) {
    Manifest manifest = readManifest(context.argument(0));
    if (auto name = context.find("name")) manifest.name = *name;
    Client& client = context.client();
    std::string told;

    std::optional<std::string> jobId = findJobByName(context, manifest.name);
    std::map<std::string, std::string> earlier;
    Json body = manifest.settings;
    if (jobId) {
        earlier = earlierTests(context, *jobId, manifest.name);
        if (!body.empty()) client.send("PATCH", "/api/jobs/" + *jobId, body);
        told = "job " + harmless(manifest.name) + " was there: " + *jobId + "\n";
    } else {
        body["name"] = manifest.name;
        jobId = textOf(inner(client.send("POST", "/api/jobs", body).body, "job"), "id");
        told = "job " + harmless(manifest.name) + " made: " + *jobId + "\n";
    }

    Json ids = Json::array();
    for (const ScriptFile& test : manifest.tests) {
        Json content{{"title", test.title},
                     {"type", test.type},
                     {"script", test.script},
                     {"description", markOf(manifest.name)}};
        auto known = earlier.find(test.title);
        std::string id;
        std::string did = "made";
        if (known == earlier.end()) {
            id = textOf(inner(client.send("POST", "/api/tests", content).body, "test"), "id");
        } else {
            id = known->second;
            Json answer = client.get("/api/tests/" + id);
            const Json& now = inner(answer, "test");
            // Unchanged tests are left alone: every change makes a new revision of the job.
            if (textOf(now, "script") == test.script && textOf(now, "type") == test.type) {
                did = "unchanged";
            } else {
                client.send("PATCH", "/api/tests/" + id, content);
                did = "updated";
            }
            earlier.erase(known);
        }
        told += "  " + std::to_string(ids.size()) + "  " + harmless(test.title) + " (" + harmless(test.type) +
                "): " + did + "\n";
        ids.push_back(id);
    }
    Json answer = client.send("PUT", "/api/jobs/" + *jobId + "/tests", Json{{"tests", ids}}).body;
    for (const auto& [title, id] : earlier)
        told += "  no longer in this job, but kept: " + harmless(title) + " (" + harmless(id) + ")\n";
    Json job = client.get("/api/jobs/" + *jobId);
    return context.print(job, told + "Next: usherctl key create '" + harmless(manifest.name) +
                                  "' --name ci --output ci.key\n");
}

} // namespace

void addImportCommand(std::vector<Command>& commands) {
    commands.push_back(
        {"job import",
         "DIR",
         "make or update a job from a folder of scripts",
         1,
         1,
         {{"name", "NAME", "name of the job (default: what usher.json says, then the folder's name)"}},
         "Without an usher.json: every script in the order of their names; .sh is shell, .py python, .js "
         "node,\n"
         ".spec.js and .spec.ts are playwright. With one:\n\n"
         "  {\"name\": \"nightly\", \"description\": \"…\", \"timeoutSeconds\": 600,\n"
         "   \"parameters\": [{\"name\": \"TARGET\", \"default\": \"staging\"}],\n"
         "   \"tests\": [{\"file\": \"up.sh\", \"title\": \"the service is up\"}, {\"file\": \"load.js\", "
         "\"type\": \"k6\"}]}\n\n"
         "Importing again updates what changed and makes nothing twice: jobs are found by their name.\n\n"
         "Example\n  usherctl job import ./tests",
         import});
}

} // namespace usher::ctl
