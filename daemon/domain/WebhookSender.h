#pragma once

#include "base/Clock.h"

#include <optional>
#include <string>

namespace usher {

/// One message, signed and ready.
struct WebhookMessage {
    std::string url;
    std::string id;        ///< webhook-id: the same for every try
    std::string timestamp; ///< webhook-timestamp: seconds since 1970, of this try
    std::string signature; ///< webhook-signature
    std::string body;
};

struct WebhookAnswer {
    std::optional<int> status; ///< nothing: there was no answer
    std::string error;         ///< why not, for people
};

/// Sends messages to others. [any-thread] Blocks until there is an answer, or `deadline`; never throws.
class WebhookSender {
public:
    virtual ~WebhookSender() = default;
    virtual WebhookAnswer send(const WebhookMessage&, Instant deadline) = 0;
    /// From now on every send() ends soon, without an answer.
    virtual void giveUp() {}
    /// Why nothing may ever be sent there; nothing when it may, or when that is not known now.
    virtual std::optional<std::string> problemWith(const std::string& url) = 0;
};

} // namespace usher
