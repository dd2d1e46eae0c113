#pragma once

#include "domain/WebhookSender.h"
#include "domain/WebhookStore.h"

#include <optional>
#include <string>
#include <vector>

namespace usher {

/// What a list of events means, as statuses of runs without repetition: `run.passed` or `passed`, `run.ended`
/// for every end, `*` for every change. Nothing when one of them is unknown.
std::optional<std::vector<std::string>> statusesOf(const std::vector<std::string>& events);
/// What a webhook is told of when nobody says: every end.
std::vector<std::string> defaultEvents();

/// A new signing secret, `whsec_` and base64, as Standard Webhooks has it.
std::string createWebhookSecret();

/// webhook-signature of Standard Webhooks 1.0: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
/// Nothing when the secret is none.
std::optional<std::string> webhookSignature(const std::string& secret, const std::string& id,
                                            const std::string& timestamp, const std::string& body);

/// The message of a delivery: `{"type": "run.passed", "timestamp", "data"}`, byte for byte the same at every
/// try, signed with `secret` at `now`. Nothing when the secret or the facts cannot be read.
std::optional<WebhookMessage> composeMessage(const Delivery& delivery, const std::string& secret, Micros now);

} // namespace usher
