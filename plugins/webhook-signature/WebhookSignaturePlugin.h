#pragma once

#include "Deliveries.h"
#include "Secrets.h"

#include <memory>
#include <optional>

namespace usher::webhooks {

/// Lets in who signed the request's body with a secret of the job: GitHub's X-Hub-Signature-256, GitLab's
/// X-Gitlab-Token, Standard Webhooks (GitLab's signing tokens too). Triggers only: a signature says who wrote
/// this body and nothing of who may read or change. Thread tags as in auth.h.
class WebhookSignaturePlugin final : public auth::Plugin {
public:
    static constexpr std::uint32_t threadModel = USHER_PARALLEL; // a large body takes longer than 100 µs
    static std::vector<auth::ConfigKey> configKeys();

    WebhookSignaturePlugin(auth::Host host, const auth::Config& config);

    void check(auth::Call call, const auth::Request& request) override;
    void settled(usher_call call, const auth::Outcome& outcome) override;
    /// In place, so that deliveries stay known.
    void reload(const auth::Config& config) override;

private:
    enum class Kind { github, gitlab, standard };
    struct Settings {
        Secrets secrets;
        bool accepted[3] = {};
        std::int64_t toleranceSeconds = 0;
    };
    /// The one signature of a request.
    struct Given {
        Kind kind;
        std::string_view value;
    };

    static std::shared_ptr<const Settings> readSettings(const auth::Host& host, const auth::Config& config);
    bool isGood(const Settings& settings, const Given& given, const std::string& job,
                const auth::Request& request) const;
    /// Of a good signature by Standard Webhooks: is it new? Nothing, or the refusal.
    std::optional<auth::Verdict> stale(const Settings& settings, const std::string& job,
                                       const auth::Request& request, usher_call call);

    plugin::Mutex _mutex;
    std::shared_ptr<const Settings> _settings PLUGIN_GUARDED_BY(_mutex); ///< shared by checks and a reload
    Deliveries _deliveries;
};

} // namespace usher::webhooks
