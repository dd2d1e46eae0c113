#pragma once

#include "base/Clock.h"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace usher {

/// Where changes of a job's runs are told, and which.
struct Webhook {
    std::string id;
    std::string jobId;
    std::string url;
    std::vector<std::string> events;   ///< as they were given
    std::vector<std::string> statuses; ///< what they mean: statuses of runs
    std::string sealed;                ///< the signing secret, encrypted; bound to the id
    std::optional<Micros> lastAt;      ///< of the last try
    std::optional<int> lastStatus;     ///< what the other side answered; nothing: it did not
    std::string lastError;             ///< empty: it went well
    std::int64_t waiting = 0;          ///< messages in the outbox
    Micros createdAt = 0;
    Micros updatedAt = 0;
};

/// A message that this node is to send now.
struct Delivery {
    std::string id; ///< the same for every try
    std::string webhookId;
    std::string jobId;
    std::string url;
    std::string sealed;
    std::string status; ///< what the run became
    std::string factsJson;
    Micros createdAt = 0;
    int attempt = 1; ///< this one; also what the lease is known by
};

/// What became of a delivery.
struct DeliveryResult {
    enum class Kind { delivered, again, dropped };
    Kind kind = Kind::delivered;
    std::string deliveryId;
    std::string webhookId;
    int attempt = 1;
    std::chrono::milliseconds delay{0}; ///< again: not before this is over
    bool tried = true;                  ///< false: it was not sent after all, and the attempt does not count
    std::optional<int> status;
    std::string error;
};

/// Webhooks and their outbox, which database triggers fill. Times are by the database's clock. [any-thread]
/// Every call may throw StorageUnavailable.
class WebhookStore {
public:
    static constexpr int kMostOfJob = 20;
    enum class Change { done, jobNotFound, tooMany };

    virtual ~WebhookStore() = default;

    virtual std::vector<Webhook> webhooksOf(const std::string& jobId) = 0; ///< oldest first
    virtual std::optional<Webhook> findWebhook(const std::string& jobId, const std::string& id) = 0;
    virtual Change createWebhook(const Webhook&) = 0;
    /// url, events, statuses, updatedAt. False, and nothing is written, when it has been changed since it was
    /// `seen`, or is gone: read it again.
    virtual bool updateWebhook(const Webhook& seen, const Webhook& changed) = 0;
    virtual bool deleteWebhook(const std::string& jobId, const std::string& id) = 0;

    /// Messages whose time has come, the oldest first, none of the webhooks in `without`. They are this
    /// node's for `lease`; then they come due again.
    virtual std::vector<Delivery> takeDue(std::chrono::seconds lease, int atMost,
                                          std::span<const std::string> without) = 0;
    /// Each counts only while its lease is this one.
    virtual void settle(std::span<const DeliveryResult>) = 0;
    /// After the clock was put back: nothing waits longer than `most` from now.
    virtual void bringNear(std::chrono::seconds most) = 0;
};

} // namespace usher
