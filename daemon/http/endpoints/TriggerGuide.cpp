#include "http/endpoints/Endpoints.h"

#include "base/Json.h"

namespace usher {

namespace {

void guide(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    auto job = services.jobs.findJob(*id);
    if (!job) {
        context.refuse(notFound("Job", "JOB_NOT_FOUND"));
        return;
    }
    std::string url = services.gate.baseUrl() + "/api/jobs/" + *id + "/trigger";
    std::string curl = "curl -fsS -X POST -H \"Authorization: Bearer $USHER_API_KEY\" " + url;
    Json guide = {
        {"url", url},
        {"method", "POST"},
        {"header", "Authorization: Bearer <API key>"},
        {"curl", curl},
        // The command holds ": ", which a plain scalar of YAML must not; JSON's strings are YAML's.
        {"githubActions", "- name: " + toText(Json("Trigger " + job->name)) +
                              "\n  env:\n    USHER_API_KEY: ${{ secrets.USHER_API_KEY }}\n  run: |\n    " +
                              curl + "\n"},
        {"gitlabCi",
         "trigger:\n  script:\n    - |\n      " + curl + "\n  # USHER_API_KEY: a masked CI/CD variable\n"}};
    context.reply(Reply::json(200, {{"success", true}, {"trigger", std::move(guide)}}));
}

} // namespace

void addTriggerGuideRoutes(Router& router, Services& services) {
    router.add({.method = "GET",
                .pattern = "/api/jobs/{id}/trigger",
                .action = "job.read",
                .handler = [&services](std::shared_ptr<Context> context) { guide(services, *context); }});
}

} // namespace usher
