#pragma once

#include "plugin/isolated/HelperStarter.h"

namespace usher {

/// Helpers as our own children: --check-config, migrate, tests, and where no launcher answers. They have our
/// user and our privileges, of which the daemon has none.
class SpawnedHelpers final : public HelperStarter {
public:
    explicit SpawnedHelpers(std::string program) : _program(std::move(program)) {}
    pid_t start(const HelperOrder& order, int socket, int file) override;
    void end(pid_t pid) override;

private:
    const std::string _program;
};

} // namespace usher
