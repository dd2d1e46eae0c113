#pragma once

#include "storage/Database.h"
#include "storage/SqlJobStore.h"
#include "storage/SqlNodeStore.h"
#include "storage/SqlRetentionStore.h"
#include "storage/SqlScheduleStore.h"
#include "storage/SqlSecretStore.h"
#include "storage/SqlWebhookStore.h"
#include "storage/SqliteMigrator.h"
#include "storage/SqliteRunStore.h"
#include "storage/SqliteTriggerStore.h"

namespace usher {

/// The stores over one SQLite file.
class SqliteDatabase final : public Database {
public:
    SqliteDatabase(const std::string& path, int readers, std::span<const Migration> steps);

    Kind kind() const override { return Kind::sqlite; }
    Migrator& migrator() override { return _migrator; }
    JobStore& jobs() override { return _jobs; }
    TriggerStore& triggers() override { return _triggers; }
    RunStore& runs() override { return _runs; }
    NodeStore& nodes() override { return _nodes; }
    SecretStore& secrets() override { return _secrets; }
    ScheduleStore& schedules() override { return _schedules; }
    WebhookStore& webhooks() override { return _webhooks; }
    RetentionStore& retention() override { return _retention; }
    WriterTurn* turn() override { return &_source.turn(); }
    bool healthy(std::string& reason) const override { return _source.healthy(reason); }

private:
    SqliteSource _source;
    SqliteMigrator _migrator;
    SqlJobStore _jobs;
    SqliteTriggerStore _triggers;
    SqliteRunStore _runs;
    SqlNodeStore _nodes;
    SqlSecretStore _secrets;
    SqlScheduleStore _schedules;
    SqlWebhookStore _webhooks;
    SqlRetentionStore _retention;
};

} // namespace usher
