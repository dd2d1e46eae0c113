#include "app/WebhookMessages.h"

#include "base/Digest.h"
#include "base/Json.h"
#include "base/Random.h"
#include "base/Text.h"
#include "domain/Run.h"

#include <algorithm>
#include <array>

namespace usher {

namespace {

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kSecretBytes = 32; // 24 to 64
constexpr std::array<RunStatus, 8> kStatuses{RunStatus::queued,    RunStatus::running, RunStatus::passed,
                                             RunStatus::failed,    RunStatus::error,   RunStatus::timeout,
                                             RunStatus::cancelled, RunStatus::lost};

void writeTimes(Json& facts) {
    for (const char* name : {"queuedAt", "startedAt", "completedAt"})
        if (auto found = facts.find(name); found != facts.end() && found->is_number_integer())
            *found = formatTime(found->get<Micros>());
}

} // namespace

std::optional<std::vector<std::string>> statusesOf(const std::vector<std::string>& events) {
    std::vector<std::string> statuses;
    for (const std::string& event : events) {
        const std::string name = event.starts_with("run.") ? event.substr(4) : event;
        const bool all = event == "*", ends = name == "ended";
        const auto one = runStatusFrom(name);
        if (!all && !ends && !one) return std::nullopt;
        for (RunStatus status : kStatuses)
            if (all || (ends && hasEnded(status)) || one == status) statuses.emplace_back(toText(status));
    }
    std::sort(statuses.begin(), statuses.end());
    statuses.erase(std::unique(statuses.begin(), statuses.end()), statuses.end());
    return statuses;
}

std::vector<std::string> defaultEvents() {
    return {"run.ended"};
}

std::string createWebhookSecret() {
    return std::string(kSecretPrefix) + toBase64(randomBytes(kSecretBytes));
}

std::optional<std::string> webhookSignature(const std::string& secret, const std::string& id,
                                            const std::string& timestamp, const std::string& body) {
    if (!secret.starts_with(kSecretPrefix)) return std::nullopt;
    const auto key = fromBase64(secret.substr(kSecretPrefix.size()));
    if (!key) return std::nullopt;
    return "v1," + toBase64(hmacSha256(*key, id + "." + timestamp + "." + body));
}

std::optional<WebhookMessage> composeMessage(const Delivery& delivery, const std::string& secret,
                                             Micros now) {
    auto parsed = parseJson(delivery.factsJson);
    Json* facts = std::get_if<Json>(&parsed);
    if (!facts || !facts->is_object()) return std::nullopt;
    writeTimes(*facts);
    WebhookMessage message;
    message.url = delivery.url;
    message.id = "msg_" + delivery.id;
    message.timestamp = std::to_string(now / 1'000'000);
    message.body = toText({{"type", "run." + delivery.status},
                           {"timestamp", formatTime(delivery.createdAt)},
                           {"data", std::move(*facts)}});
    const auto signature = webhookSignature(secret, message.id, message.timestamp, message.body);
    if (!signature) return std::nullopt;
    message.signature = *signature;
    return message;
}

} // namespace usher
