#pragma once

#include "IssuerKeys.h"

#include <memory>
#include <vector>

namespace usher::oidc {

/// Keyless CI: lets in pipelines of GitHub Actions and GitLab CI (and whoever else signs OpenID Connect
/// identity tokens) by what their tokens say of them, job by job. Asynchronous where it needs the network,
/// which no check waits for. Thread tags as in auth.h.
class OidcPlugin final : public auth::Plugin {
public:
    static constexpr std::uint32_t threadModel = USHER_PARALLEL;
    static std::vector<auth::ConfigKey> configKeys();

    OidcPlugin(auth::Host host, const auth::Config& config);
    ~OidcPlugin() override;

    void start() override;
    void check(auth::Call call, const auth::Request& request) override;
    void cancel(usher_call call) override;
    void stop() override;
    bool healthy(std::string& reason) override;

private:
    std::vector<std::unique_ptr<IssuerKeys>> _issuers; ///< the same from the constructor to the end
};

} // namespace usher::oidc
