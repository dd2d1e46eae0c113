#pragma once

#include "storage/Migrator.h"
#include "storage/PgSessions.h"

namespace usher {

/// Migrates under an advisory lock that ends with the transaction. PQexec does the steps: they are scripts of
/// many statements, which Poco cannot run.
class PostgresMigrator final : public Migrator {
public:
    PostgresMigrator(PgSessions& sessions, std::span<const Migration> steps)
        : _sessions(sessions), _steps(steps) {}

    std::vector<Step> pending() override;
    std::vector<Step> apply() override;

private:
    PgSessions& _sessions;
    const std::span<const Migration> _steps;
};

} // namespace usher
