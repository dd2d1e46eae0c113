#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

std::optional<std::string> nameOf(Context& context) {
    std::string name = context.param("name");
    if (JobSecrets::isName(name)) return name;
    context.refuse({400,
                    "Invalid secret name",
                    "A name matches [A-Z_][A-Z0-9_]{0,63} and is not USHER_*, LD_*, PATH, HOME or TMPDIR.",
                    "INVALID_SECRET_NAME",
                    {},
                    0});
    return std::nullopt;
}

Json withoutValue(const SealedSecret& secret) {
    return {{"name", secret.name}, {"updatedAt", formatTime(secret.updatedAt)}};
}

void list(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    if (!services.jobs.findJob(*id)) return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    Json secrets = Json::array();
    for (const SealedSecret& secret : services.secrets.list(*id)) secrets.push_back(withoutValue(secret));
    context.reply(Reply::json(200, {{"success", true}, {"secrets", std::move(secrets)}}));
}

void put(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    auto name = nameOf(context);
    if (!name) return;
    BodyReader body(context.request());
    // As it is: white space at its ends may be part of a secret. Never in a message, a log or the audit.
    const Json* value = body.value("value");
    const std::string* text = value && value->is_string() ? &value->get_ref<const std::string&>() : nullptr;
    if (!text || text->empty() || text->size() > JobSecrets::kMostBytes || text->find('\0') != text->npos)
        body.fault("value", "must be a text of 1 to 32768 bytes without NUL");
    if (auto refusal = body.problem()) return void(context.refuse(*refusal));
    if (!services.secrets.configured())
        return void(context.refuse({409,
                                    "Secrets not configured",
                                    "The server has no key to encrypt secrets with: set [secrets] key_file.",
                                    "SECRETS_NOT_CONFIGURED",
                                    {},
                                    0}));
    const auto change = services.secrets.set(*id, *name, *text);
    if (change == SecretStore::Change::jobNotFound)
        return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    if (change == SecretStore::Change::tooMany)
        return void(context.refuse({409,
                                    "Maximum of 100 secrets per job reached",
                                    "Delete one that is no longer needed.",
                                    "TOO_MANY_SECRETS",
                                    {},
                                    0}));
    auditChange(services, context, "secret.update", "job:" + *id, *name);
    const bool created = change == SecretStore::Change::created;
    context.reply(Reply::json(created ? 201 : 200, {{"success", true}, {"secret", {{"name", *name}}}}));
}

void remove(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    auto name = nameOf(context);
    if (!name) return;
    if (!services.secrets.remove(*id, *name))
        return void(context.refuse(notFound("Secret", "SECRET_NOT_FOUND")));
    auditChange(services, context, "secret.delete", "job:" + *id, *name);
    context.reply(Reply::json(200, {{"success", true}, {"message", "Secret deleted successfully"}}));
}

} // namespace

void addSecretRoutes(Router& router, Services& s) {
    const std::string one = "/api/jobs/{id}/secrets/{name}";
    router.add({"GET", "/api/jobs/{id}/secrets", "secret.list", [&s](Shared c) { list(s, *c); }});
    router.add({"PUT", one, "secret.update", [&s](Shared c) { put(s, *c); }});
    router.add({"DELETE", one, "secret.delete", [&s](Shared c) { remove(s, *c); }});
}

} // namespace usher
