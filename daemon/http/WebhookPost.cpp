#include "http/WebhookPost.h"

#include "base/Text.h"

namespace usher {

namespace {

/// The status of an answer's first line; nothing when that is not HTTP.
std::optional<int> statusOf(const std::string& answer) {
    if (!answer.starts_with("HTTP/1.1 ") && !answer.starts_with("HTTP/1.0 ")) return std::nullopt;
    const auto status = parseInteger(answer.substr(9, 3));
    if (!status || *status < 100 || answer.size() < 13 || (answer[12] != ' ' && answer[12] != '\r'))
        return std::nullopt;
    return static_cast<int>(*status);
}

} // namespace

std::optional<std::string> WebhookPost::problemWith(const std::string& url) {
    const auto parsed = WebhookTargets::parse(url);
    if (const auto* problem = std::get_if<std::string>(&parsed)) return *problem;
    const auto resolved = _targets.resolve(std::get<WebhookTargets::Target>(parsed));
    // A name that cannot be resolved now may be tomorrow: each try looks again.
    if (resolved.forbidden) return resolved.problem;
    return std::nullopt;
}

std::string WebhookPost::requestFor(const WebhookTargets::Target& target,
                                    const WebhookMessage& message) const {
    return "POST " + target.path + " HTTP/1.1\r\nHost: " + target.authority +
           "\r\nUser-Agent: " + _userAgent +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(message.body.size()) +
           "\r\nConnection: close\r\nwebhook-id: " + message.id +
           "\r\nwebhook-timestamp: " + message.timestamp + "\r\nwebhook-signature: " + message.signature +
           "\r\n\r\n" + message.body;
}

WebhookAnswer WebhookPost::send(const WebhookMessage& message, Instant deadline) {
    WebhookAnswer answer;
    const auto parsed = WebhookTargets::parse(message.url);
    if (const auto* problem = std::get_if<std::string>(&parsed)) {
        answer.error = "the URL " + *problem;
        return answer;
    }
    const auto& target = std::get<WebhookTargets::Target>(parsed);
    const auto resolved = _targets.resolve(target);
    answer.error = resolved.problem;
    for (const IpAddress& address : resolved.addresses) {
        try {
            const std::string head =
                _client.ask({address, target.port, target.host, target.tls, requestFor(target, message)},
                            deadline, _stop);
            answer.status = statusOf(head);
            answer.error = answer.status  ? ""
                           : head.empty() ? "closed without an answer"
                                          : "did not answer HTTP";
            return answer;
        } catch (const std::exception& error) {
            answer.error = error.what();
            // The next address only when this one was not reached: a message that was sent may have arrived.
            if (!answer.error.starts_with("cannot connect")) return answer;
        }
    }
    return answer;
}

} // namespace usher
