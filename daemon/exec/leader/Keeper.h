#pragma once

#include <sys/types.h>

namespace usher {

// DESIGN. When several tests of a run are in flight, their orphans must not all come to the leader: it could
// not tell whose they are. So each such test has a keeper, a forked copy of the leader that has given up
// everything and runs as the test's user: the orphans of its test come to it, it reaps them, and it ends when
// it has no child any more. So "the keeper is gone" means for one test what "no child any more" means for a
// leader with only one.
//   leader → SIGTERM: goes on to the test's process group. The test's wait status goes to the leader through
//   a pipe at once, for what it left behind may live on.
// A test could kill its own keeper; its orphans come to the leader then, which kills strangers at sight.

/// The keeper's life after it has started `test`, which leads a process group. `verdict` takes the test's
/// wait status. All signals are blocked; nothing but `verdict` is open.
[[noreturn]] void keepTest(pid_t test, int verdict);

} // namespace usher
