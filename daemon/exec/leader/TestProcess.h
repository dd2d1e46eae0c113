#pragma once

#include "base/UniqueFd.h"
#include "exec/leader/TestPlan.h"

#include <sys/types.h>

#include <string>

namespace usher {

/// A test's process as the leader knows it.
struct StartedTest {
    pid_t pid = -1;      ///< our child: the test, leader of its own session, or its keeper
    UniqueFd output;     ///< the test's stdout and stderr; non-blocking
    UniqueFd verdict;    ///< kept only: the test's wait status comes here; non-blocking
    std::string problem; ///< not empty: there is no process, and why
};
/// Forks and executes. Blocks until the program is executed or could not be.
StartedTest startTest(const TestPlan& plan);

} // namespace usher
