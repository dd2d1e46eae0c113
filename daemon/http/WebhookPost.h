#pragma once

#include "domain/WebhookSender.h"
#include "http/TlsClient.h"
#include "http/WebhookTargets.h"

#include <atomic>
#include <string>

namespace usher {

/// Sends webhooks over HTTP. The address that is connected to is the one that was looked at, so that a name
/// cannot mean another one a moment later; redirects are answers like any other; of the answer only the
/// status counts. [any-thread]
class WebhookPost final : public WebhookSender {
public:
    WebhookPost(const std::vector<std::string>& allow, std::string userAgent)
        : _targets(allow), _userAgent(std::move(userAgent)) {}

    WebhookAnswer send(const WebhookMessage&, Instant deadline) override;
    void giveUp() override { _stop = true; }
    std::optional<std::string> problemWith(const std::string& url) override;

private:
    std::string requestFor(const WebhookTargets::Target&, const WebhookMessage&) const;

    const WebhookTargets _targets;
    const std::string _userAgent;
    TlsClient _client;
    std::atomic<bool> _stop{false};
};

} // namespace usher
