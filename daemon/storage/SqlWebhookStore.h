#pragma once

#include "domain/WebhookStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// Webhooks and their outbox on either database. [any-thread]
class SqlWebhookStore final : public WebhookStore {
public:
    explicit SqlWebhookStore(SqlSource& source) : _source(source) {}

    std::vector<Webhook> webhooksOf(const std::string& jobId) override;
    std::optional<Webhook> findWebhook(const std::string& jobId, const std::string& id) override;
    Change createWebhook(const Webhook&) override;
    bool updateWebhook(const Webhook& seen, const Webhook& changed) override;
    bool deleteWebhook(const std::string& jobId, const std::string& id) override;

    std::vector<Delivery> takeDue(std::chrono::seconds lease, int atMost,
                                  std::span<const std::string> without) override;
    void settle(std::span<const DeliveryResult>) override;
    void bringNear(std::chrono::seconds most) override;

private:
    bool postgres() const { return _source.kind() == SqlSource::Kind::postgres; }
    /// The database's clock, as an expression.
    std::string clock() const;
    std::vector<Webhook> select(const std::string& where, const std::vector<SqlValue>& values);

    SqlSource& _source;
};

} // namespace usher
