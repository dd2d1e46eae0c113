#include "OidcPlugin.h"

#include "common/Text.h"

namespace usher::oidc {

namespace {

using auth::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The token after `Bearer`; empty for any other scheme.
std::string_view bearerToken(std::string_view field) {
    field = plugin::trim(field);
    const std::size_t space = std::min(field.find(' '), field.size());
    if (!plugin::equalsIgnoreCase(field.substr(0, space), "bearer")) return {};
    return plugin::trim(field.substr(space));
}

KeyTimes readTimes(const auth::Config& config) {
    KeyTimes times;
    times.leeway = seconds(config.integer("leeway_seconds", 30, 0, 300));
    times.refresh = seconds(config.integer("refresh_seconds", 3600, 1, 86'400));
    times.refetch = seconds(config.integer("refetch_seconds", 30, 1, 3600));
    times.stale = seconds(config.integer("stale_seconds", 86'400, 1, 604'800));
    times.fetch = milliseconds(config.integer("fetch_timeout_ms", 3000, 100, 30'000));
    if (times.stale < times.refresh)
        throw auth::ConfigError("stale_seconds must not be less than refresh_seconds");
    return times;
}

std::string readFileOf(const auth::Host& host, const auth::Config& config, const std::string& name) {
    if (!config.find(name + "_file")) return {};
    auto content = host.secret(name);
    if (!content || content->empty())
        throw auth::ConfigError("the file that " + name +
                                "_file names cannot be read, is empty, or longer than 64 KiB");
    return std::move(*content);
}

} // namespace

std::vector<auth::ConfigKey> OidcPlugin::configKeys() {
    return {
        {"rules_file", USHER_KEY_FILE, "", "JSON: issuers, and which claims may trigger which jobs"},
        {"ca_file", USHER_KEY_FILE, "", "PEM: certificate authorities that issuers' servers are checked by"},
        {"leeway_seconds", USHER_KEY_INTEGER, "30", "how far clocks may differ", 0, 300},
        {"refresh_seconds", USHER_KEY_INTEGER, "3600", "how often keys are fetched anew", 1, 86'400},
        {"refetch_seconds", USHER_KEY_INTEGER, "30", "an unknown key is asked for again no sooner", 1, 3600},
        {"stale_seconds", USHER_KEY_INTEGER, "86400", "how long keys are good while the issuer is away", 1,
         604'800},
        {"fetch_timeout_ms", USHER_KEY_INTEGER, "3000", "for one fetch of keys", 100, 30'000}};
}

OidcPlugin::OidcPlugin(auth::Host host, const auth::Config& config) : Plugin(host) {
    config.expectOnly({"rules_file", "ca_file", "leeway_seconds", "refresh_seconds", "refetch_seconds",
                       "stale_seconds", "fetch_timeout_ms"});
    const KeyTimes times = readTimes(config);
    const std::string rules = readFileOf(host, config, "rules");
    if (rules.empty()) throw auth::ConfigError("the key rules_file is missing");
    const std::string authorities = readFileOf(host, config, "ca");
    for (Issuer& issuer : readRules(rules))
        _issuers.push_back(std::make_unique<IssuerKeys>(host, std::move(issuer), authorities, times));
}

OidcPlugin::~OidcPlugin() {
    stop();
}

void OidcPlugin::start() {
    for (const auto& issuer : _issuers) issuer->start();
}

void OidcPlugin::stop() {
    for (const auto& issuer : _issuers) issuer->stop();
}

bool OidcPlugin::healthy(std::string& reason) {
    for (const auto& issuer : _issuers)
        if (!issuer->healthy(reason)) return false;
    return true;
}

void OidcPlugin::cancel(usher_call call) {
    for (const auto& issuer : _issuers) issuer->cancel(call);
}

void OidcPlugin::check(auth::Call call, const auth::Request& request) {
    const std::string_view action = request.action();
    if (action != "job.trigger" && action != "run.read" && action != "run.cancel")
        return void(call.complete(Verdict::abstain()));
    const auth::Header field = request.header("Authorization");
    if (field.repeated()) return void(call.complete(conflictingCredentials()));
    const std::string_view bearer = bearerToken(*field);
    if (bearer.empty() || !looksLikeToken(bearer)) return void(call.complete(tokenRequired()));
    std::optional<Token> token = readToken(bearer);
    if (!token) return void(call.complete(invalidFormat()));
    for (const auto& issuer : _issuers) {
        if (issuer->id() != token->issuer) continue;
        if (!isKnownAlgorithm(token->algorithm)) return void(call.complete(unsupportedAlgorithm()));
        Question question{std::move(call), std::move(*token), std::string(action), {}, {}};
        if (action == "job.trigger")
            question.job = plugin::parseUuid(request.resource()).value_or("");
        else
            question.startedBy = request.attribute("started_by").value_or("");
        return issuer->ask(std::move(question));
    }
    call.complete(unknownIssuer());
}

} // namespace usher::oidc

USHER_AUTH_PLUGIN(usher::oidc::OidcPlugin, "oidc", "1.0.0", "The Usher authors")
