// webhook-signature: lets in who signed the body, as GitHub, GitLab and Standard Webhooks do. A plugin in C++
// that uses the raw body and a library of its own.
//
//     [plugins.webhook-signature]
//     path = /usr/lib/usher/plugins/webhook-signature.so
//     secret_file = /etc/usher/webhook-secret      # 0640 root:usher, one line of at least 20 characters
//     tolerance_seconds = 300
//     [auth]
//     trigger = api-key, webhook-signature
//
//   GitHub              X-Hub-Signature-256: sha256=HEX          HMAC-SHA256 of the body
//   GitLab              X-Gitlab-Token: SECRET                   the secret itself
//   Standard Webhooks   webhook-id, webhook-timestamp, webhook-signature: v1,BASE64 …
//                                                                HMAC-SHA256 of "id.timestamp.body"
// One secret, no memory of what came before: the plugin of the package usherd-auth-webhook has secrets per
// job, several while one is being changed, and refuses a delivery that comes twice. Both stand on
// signatures.hpp.
#include "signatures.hpp"

#include <usher/auth.hpp>

#include <charconv>
#include <chrono>

namespace auth = usher::auth;

namespace {

class WebhookSignature final : public auth::Plugin {
public:
    static constexpr std::uint32_t threadModel = USHER_PARALLEL; // a large body takes longer than 100 us

    static std::vector<auth::ConfigKey> configKeys() {
        return {{"secret_file", USHER_KEY_FILE, "", "The file that holds the shared secret"},
                {"tolerance_seconds", USHER_KEY_INTEGER, "300", "How old a timestamp may be", 1, 3600}};
    }

    WebhookSignature(auth::Host host, const auth::Config& config)
        : Plugin(host), _secret(host.secret("secret").value_or("")),
          _tolerance(config.integer("tolerance_seconds", 300, 1, 3600)) {
        if (_secret.size() < 20)
            throw auth::ConfigError(
                "secret_file must name a readable file of one line, at least 20 characters");
    }

    void check(auth::Call call, const auth::Request& request) override {
        // A signature says who wrote this body, and nothing of who may read or change jobs.
        if (request.action() != "job.trigger") return void(call.complete(auth::Verdict::abstain()));
        const auth::Header hub = request.header("X-Hub-Signature-256"),
                           lab = request.header("X-Gitlab-Token"),
                           standard = request.header("webhook-signature");
        if (hub.absent() && lab.absent() && standard.absent())
            return void(call.complete(auth::Verdict::abstain("SIGNATURE_REQUIRED", "Signature required",
                                                             "Sign the body with the shared secret.")));
        const int given = !hub.absent() + !lab.absent() + !standard.absent();
        if (given > 1 || hub.repeated() || lab.repeated() || standard.repeated())
            return void(call.complete(
                auth::Verdict::deny("REPEATED_SIGNATURE", "Signature given twice", "Send one.").status(400)));
        if (hub && webhook::isGithub(_secret, *hub, request.body())) return allow(call, "github");
        if (lab && webhook::isGitlab(_secret, *lab)) return allow(call, "gitlab");
        if (standard && isStandard(*standard, request)) return allow(call, "standard");
        host().count("signatures_refused");
        call.complete(auth::Verdict::deny("INVALID_SIGNATURE", "Invalid signature",
                                          "The body, the secret or the time does not match.")
                          .status(401)
                          .guess());
    }

private:
    static void allow(auth::Call& call, const char* kind) {
        call.complete(auth::Verdict::allow(std::string("webhook-signature:") + kind, kind));
    }
    bool isStandard(std::string_view value, const auth::Request& request) const {
        const auth::Header id = request.header("webhook-id"), timestamp = request.header("webhook-timestamp");
        if (!id || !timestamp || (*id).empty()) return false;
        std::int64_t then = 0;
        const std::string_view digits = *timestamp;
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), then);
        if (error != std::errc() || end != digits.data() + digits.size()) return false;
        const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count();
        if (then < now - _tolerance || then > now + _tolerance) return false; // a replay
        return webhook::isStandard(_secret, value, *id, digits, request.body());
    }

    const std::string _secret;
    const std::int64_t _tolerance;
};

} // namespace

USHER_AUTH_PLUGIN(WebhookSignature, "webhook-signature", "1.0.0", "Usher project")
