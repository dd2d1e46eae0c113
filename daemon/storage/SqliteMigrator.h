#pragma once

#include "storage/Migrator.h"
#include "storage/SqliteSource.h"

namespace usher {

/// Migrates under BEGIN EXCLUSIVE, on a connection of its own: other programs may have the file open.
class SqliteMigrator final : public Migrator {
public:
    SqliteMigrator(std::string path, SqliteTurn& turn, std::span<const Migration> steps)
        : _path(std::move(path)), _turn(turn), _steps(steps) {}

    std::vector<Step> pending() override;
    std::vector<Step> apply() override;

private:
    const std::string _path;
    SqliteTurn& _turn;
    const std::span<const Migration> _steps;
};

} // namespace usher
