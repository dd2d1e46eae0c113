#pragma once

#include "storage/Database.h"
#include "storage/PostgresMigrator.h"
#include "storage/PostgresRunStore.h"
#include "storage/PostgresTriggerStore.h"
#include "storage/SqlJobStore.h"
#include "storage/SqlNodeStore.h"
#include "storage/SqlRetentionStore.h"
#include "storage/SqlScheduleStore.h"
#include "storage/SqlSecretStore.h"
#include "storage/SqlWebhookStore.h"

namespace usher {

/// The stores over one PostgreSQL: two sets of sessions, so that people who browse never keep a trigger
/// waiting.
class PostgresDatabase final : public Database {
public:
    PostgresDatabase(const PgTarget& target, int connections, std::span<const Migration> steps);

    Kind kind() const override { return Kind::postgres; }
    Migrator& migrator() override { return _migrator; }
    JobStore& jobs() override { return _jobs; }
    TriggerStore& triggers() override { return _triggers; }
    RunStore& runs() override { return _runs; }
    NodeStore& nodes() override { return _nodes; }
    SecretStore& secrets() override { return _secrets; }
    ScheduleStore& schedules() override { return _schedules; }
    WebhookStore& webhooks() override { return _webhooks; }
    RetentionStore& retention() override { return _retention; }
    WriterTurn* turn() override { return nullptr; }
    bool healthy(std::string& reason) const override { return _hot.healthy(reason) && _cold.healthy(reason); }

private:
    PgSessions _hot;
    PgSessions _cold;
    PostgresMigrator _migrator;
    SqlJobStore _jobs;
    PostgresTriggerStore _triggers;
    PostgresRunStore _runs;
    SqlNodeStore _nodes;
    SqlSecretStore _secrets;
    SqlScheduleStore _schedules;
    SqlWebhookStore _webhooks;
    SqlRetentionStore _retention;
};

} // namespace usher
