#include "http/endpoints/Explain.h"

#include "app/Words.h"
#include "base/Address.h"
#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/RequestRules.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

bool isAction(const std::string& text) {
    const std::size_t dot = text.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == text.size()) return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz.-") == std::string::npos;
}

bool isPrintable(const std::string& text) {
    for (char c : text)
        if (c < 0x20 || c > 0x7e) return false;
    return true;
}

/// `headers`: credentials of plugins that look elsewhere than into Authorization.
Fields headersOf(BodyReader& body) {
    constexpr std::size_t most = 32, longestName = 64, longest = 8192;
    Fields headers;
    const Json* given = body.value("headers");
    if (!given) return headers;
    bool good = given->is_object() && given->size() <= most;
    if (good)
        for (const auto& [name, value] : given->items()) {
            const std::string text = value.is_string() ? value.get<std::string>() : "";
            good = good && value.is_string() && name.size() <= longestName && isToken(name) &&
                   text.size() <= longest && isPrintable(text);
            headers.emplace_back(name, text);
        }
    if (!good) body.fault("headers", "must be an object of at most 32 names and printable ASCII texts");
    return headers;
}

const char* toText(Decision decision) {
    switch (decision) {
    case Decision::allow:
        return "allow";
    case Decision::deny:
        return "deny";
    case Decision::abstain:
        return "abstain";
    case Decision::error:
        break;
    }
    return "error";
}

Json orNull(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

/// Adds what `verdict` says to `json`.
void describe(Json& json, Verdict verdict) {
    json["decision"] = toText(verdict.decision);
    json["principal"] = nullptr;
    if (!verdict.principal.id.empty())
        json["principal"] = {{"id", verdict.principal.id},
                             {"name", orNull(verdict.principal.name)},
                             {"role", orNull(verdict.principal.role)}};
    const bool said = verdict.decision != Decision::allow &&
                      (verdict.decision != Decision::abstain || !verdict.code.empty());
    Refusal refusal = said ? refusalOf(verdict) : Refusal{};
    json["status"] = said ? Json(refusal.status) : Json(nullptr);
    json["code"] = said ? orNull(refusal.code) : Json(nullptr);
    json["error"] = said ? orNull(refusal.title) : Json(nullptr);
    json["message"] = said ? orNull(refusal.message) : Json(nullptr);
}

/// Are the paths of these actions below /api/jobs/{id}? Then that job is what the question is about.
bool isBelowJobs(const std::string& noun) {
    for (const char* one : {"job", "key", "schedule", "secret", "webhook"})
        if (noun == one) return true;
    return false;
}

/// The question as a client would have put it: nothing of the admin's own request but its id.
std::shared_ptr<AuthRequest> questionOf(Services& services, Context& context, const std::string& action,
                                        const std::string& resource, const std::string& credential,
                                        Fields headers, const std::string& address) {
    auto question = services.gate.question(context.request(), action, resource);
    const bool reads = action.ends_with(".read") || action.ends_with(".list");
    question->method = reads ? "GET" : "POST";
    question->target = "/";
    question->body.clear();
    question->headers = std::move(headers);
    question->tlsClientFingerprint.clear();
    if (!credential.empty()) question->headers.emplace_back("Authorization", "Bearer " + credential);
    if (!address.empty()) {
        question->peerAddress = address;
        question->attributes.front().second = address;
    }
    const std::string noun = action.substr(0, action.find('.'));
    auto id = parseUuid(resource);
    if (id && isBelowJobs(noun)) question->attributes.emplace_back("job_id", *id);
    if (id && noun == "run")
        if (auto found = services.runs.findRun(*id)) {
            question->attributes.emplace_back("job_id", found->jobId);
            question->attributes.emplace_back("started_by", found->principalId);
        }
    return question;
}

void explain(Services& services, const ExplainChains& chains, const Shared& context) {
    BodyReader body(context->request());
    std::string action = body.text("action", 1, 64, true).value_or("");
    std::string resource = body.text("resource", 0, 64).value_or("");
    std::string credential = body.text("credential", 1, 4096).value_or("");
    Fields headers = headersOf(body);
    std::string address = body.text("address", 1, 64).value_or("");
    if (!action.empty() && !isAction(action))
        body.fault("action", "must be a noun and a verb, like job.trigger or key.create");
    if (!isPrintable(credential)) body.fault("credential", "must be printable ASCII: an API key or a token");
    if (!address.empty() && !parseAddress(address)) body.fault("address", "must be an IPv4 or IPv6 address");
    if (auto refusal = body.problem()) return void(context->refuse(*refusal));
    if (auto id = parseUuid(resource)) resource = *id;

    const AuthChain& chain = action == "job.trigger"      ? chains.trigger
                             : action.starts_with("run.") ? chains.run
                                                          : chains.manage;
    auditChange(services, *context, "auth.explain", "",
                action + (credential.empty() && headers.empty() ? "" : ", with a credential"));
    auto question = questionOf(services, *context, action, resource, credential, std::move(headers), address);
    chain.explain(question, [context, &chain, action, resource](AuthChain::Explanation told) {
        Json plugins = Json::array();
        for (AuthChain::Step& step : told.steps) {
            Json json{{"name", step.member}, {"asked", step.asked}};
            if (step.asked) describe(json, std::move(step.verdict));
            plugins.push_back(std::move(json));
        }
        Json answer{{"action", action},
                    {"resource", orNull(resource)},
                    {"chain", chain.name()},
                    {"mode", chain.mode() == AuthChain::Mode::all ? "all" : "first"}};
        describe(answer, std::move(told.outcome));
        answer["plugins"] = std::move(plugins);
        Reply reply = Reply::json(200, answer);
        context->reply(std::move(reply.with("Cache-Control", "no-store")));
    });
}

} // namespace

void addExplainRoute(Router& router, Services& s, ExplainChains chains) {
    router.add(
        {"POST", "/api/auth/explain", "auth.explain", [&s, chains](Shared c) { explain(s, chains, c); }});
}

} // namespace usher
