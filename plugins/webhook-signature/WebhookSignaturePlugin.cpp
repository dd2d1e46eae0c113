#include "WebhookSignaturePlugin.h"

#include "common/Crypto.h"
#include "common/Text.h"
#include "webhook-signature/signatures.hpp"

namespace usher::webhooks {

namespace {

using auth::Verdict;

constexpr std::int64_t kTolerance = 300, kRemember = 86'400;
constexpr std::size_t kLongestId = 256, kDeliveries = 100'000;
constexpr const char* kKinds[] = {"github", "gitlab", "standard"};
constexpr const char* kNames[] = {"GitHub webhook", "GitLab webhook", "Webhook"};
constexpr const char* kFields[] = {"X-Hub-Signature-256", "X-Gitlab-Token", "webhook-signature"};

Verdict invalid() {
    Verdict verdict = Verdict::deny("INVALID_SIGNATURE", "Invalid signature",
                                    "The body was changed, or it was not signed with a secret of this job.");
    verdict.status(401).guess();
    return verdict;
}

std::int64_t monotonicSeconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

} // namespace

std::vector<auth::ConfigKey> WebhookSignaturePlugin::configKeys() {
    return {{"secret_file", USHER_KEY_FILE, "", "secrets for jobs that have none of their own, one a line"},
            {"job_secrets_file", USHER_KEY_FILE, "", "lines JOB SECRET: such a job takes only its own"},
            {"accept", USHER_KEY_TEXT, "github, gitlab, standard", "the ways to sign that are accepted"},
            {"tolerance_seconds", USHER_KEY_INTEGER, "300",
             "how far the time of a signature by Standard Webhooks may be off", 1, 3600},
            {"remember_seconds", USHER_KEY_INTEGER, "86400",
             "how long a delivery by Standard Webhooks is refused when it comes again", 3600, 604'800}};
}

WebhookSignaturePlugin::WebhookSignaturePlugin(auth::Host host, const auth::Config& config)
    : Plugin(host), _settings(readSettings(host, config)),
      // Longer than any signature stays good, whatever the tolerance.
      _deliveries(config.integer("remember_seconds", kRemember, 3600, 604'800) + 3600, kDeliveries) {}

std::shared_ptr<const WebhookSignaturePlugin::Settings>
WebhookSignaturePlugin::readSettings(const auth::Host& host, const auth::Config& config) {
    config.expectOnly({"secret_file", "job_secrets_file", "accept", "tolerance_seconds", "remember_seconds"});
    auto settings = std::make_shared<Settings>();
    std::string contents[2];
    const char* const names[] = {"secret", "job_secrets"};
    for (int i = 0; i < 2; ++i) {
        if (!config.find(std::string(names[i]) + "_file")) continue;
        auto content = host.secret(names[i]);
        if (!content)
            throw auth::ConfigError(std::string("the file that ") + names[i] + "_file names cannot be read");
        contents[i] = std::move(*content);
    }
    settings->secrets = Secrets::read(contents[0], contents[1]);
    for (std::string& content : contents) plugin::wipe(content);
    if (settings->secrets.empty())
        throw auth::ConfigError("there is no secret: secret_file or job_secrets_file must name a file");
    settings->toleranceSeconds = config.integer("tolerance_seconds", kTolerance, 1, 3600);
    std::string accept = config.text("accept", "github, gitlab, standard");
    for (std::string_view rest = accept; !rest.empty();) {
        const std::string_view word = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
        const auto kind = std::find(std::begin(kKinds), std::end(kKinds), plugin::trim(word));
        if (kind == std::end(kKinds))
            throw auth::ConfigError("accept must be some of github, gitlab, standard");
        settings->accepted[kind - kKinds] = true;
    }
    if (std::none_of(std::begin(settings->accepted), std::end(settings->accepted),
                     [](bool one) { return one; }))
        throw auth::ConfigError("accept names no way to sign");
    return settings;
}

void WebhookSignaturePlugin::reload(const auth::Config& config) {
    auto settings = readSettings(host(), config);
    plugin::Lock lock(_mutex);
    _settings.swap(settings);
}

void WebhookSignaturePlugin::check(auth::Call call, const auth::Request& request) {
    if (request.action() != "job.trigger") return void(call.complete(Verdict::abstain()));
    std::shared_ptr<const Settings> settings;
    {
        plugin::Lock lock(_mutex);
        settings = _settings;
    }
    std::optional<Given> given;
    bool several = false;
    for (int i = 0; i < 3; ++i) {
        const auth::Header field = request.header(kFields[i]);
        if (field.absent() || !settings->accepted[i]) continue;
        several = several || given || field.repeated();
        given = Given{static_cast<Kind>(i), *field};
    }
    if (!given)
        return void(call.complete(Verdict::abstain("SIGNATURE_REQUIRED", "Signature required",
                                                   "Sign the body with the secret of this job.")));
    if (several)
        return void(call.complete(
            Verdict::deny("REPEATED_SIGNATURE", "Signature given twice", "Send one.").status(400)));
    const std::string job = plugin::parseUuid(request.resource()).value_or("");
    if (!isGood(*settings, *given, job, request)) {
        host().count("signatures_refused");
        return void(call.complete(invalid()));
    }
    const usher_call handle = call.handle();
    if (given->kind == Kind::standard)
        if (auto refusal = stale(*settings, job, request, handle)) return void(call.complete(*refusal));
    const auto kind = static_cast<std::size_t>(given->kind);
    if (!call.complete(Verdict::allow(std::string("webhook-signature:") + kKinds[kind], kNames[kind])))
        _deliveries.settle(handle, false);
}

bool WebhookSignaturePlugin::isGood(const Settings& settings, const Given& given, const std::string& job,
                                    const auth::Request& request) const {
    const auth::Header id = request.header("webhook-id"), time = request.header("webhook-timestamp");
    if (given.kind == Kind::standard &&
        (!id || !time || (*id).empty() || (*id).size() > kLongestId || !plugin::parseInteger(*time)))
        return false;
    bool good = false; // every secret is tried: which one it was does not show in the time
    for (const Secret& secret : settings.secrets.of(job)) {
        if (given.kind == Kind::github)
            good |= webhook::isGithub(secret.text, given.value, request.body());
        else if (given.kind == Kind::gitlab)
            good |= webhook::isGitlab(secret.text, given.value);
        else
            good |= webhook::isStandard(secret.standardKey, given.value, *id, *time, request.body());
    }
    return good;
}

std::optional<Verdict> WebhookSignaturePlugin::stale(const Settings& settings, const std::string& job,
                                                     const auth::Request& request, usher_call call) {
    const std::int64_t then = *plugin::parseInteger(*request.header("webhook-timestamp")),
                       now = plugin::nowMicros() / 1'000'000;
    if (then < now - settings.toleranceSeconds || then > now + settings.toleranceSeconds)
        return Verdict::deny("SIGNATURE_EXPIRED", "Signature expired",
                             "Its time is too far from now. Sign again; check both clocks.")
            .status(401);
    const std::string delivery = plugin::sha256(job + " " + std::string(*request.header("webhook-id")));
    switch (_deliveries.claim(delivery, call, monotonicSeconds())) {
    case Deliveries::Claim::first:
        return std::nullopt;
    case Deliveries::Claim::again:
        // The same request with its Idempotency-Key is answered with the run that it made.
        return Verdict::deny("WEBHOOK_REPLAYED", "Webhook already delivered",
                             "A delivery with this webhook-id was accepted before.")
            .status(409)
            .replayOk()
            .principal(std::string("webhook-signature:") + kKinds[2], kNames[2]);
    case Deliveries::Claim::full:
        break;
    }
    return Verdict::error("too many deliveries are remembered; remember_seconds is too long for so many");
}

void WebhookSignaturePlugin::settled(usher_call call, const auth::Outcome& outcome) {
    _deliveries.settle(call, outcome.kind != USHER_ABANDONED);
}

} // namespace usher::webhooks

USHER_AUTH_PLUGIN(usher::webhooks::WebhookSignaturePlugin, "webhook-signature", "1.0.0", "The Usher authors")
