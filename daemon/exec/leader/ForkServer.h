#pragma once

#include "exec/LeaderOrder.h"

#include "base/UniqueFd.h"
#include "exec/Wire.h"

#include <optional>
#include <string>

namespace usher {

/// What a leader is born with (LeaderOrder.h).
struct Birth {
    LeaderOrder order;
    UniqueFd folder, control, claim;
};

/// DESIGN. Starting a program costs this machine's kernel and C library half a millisecond; a copy of one
/// that is started already, is small and has done nothing yet costs a fifth of that. So there is one process
/// of usher-leader that leads nothing: it waits for the launcher's orders and makes a child for each, which
/// is the launcher's own child (CLONE_PARENT), in a session of its own and in its control group from its
/// first instruction. The server keeps nothing of a run, and ends when the launcher does; its children do
/// not. One thread. The children share one layout of memory: they are of one user and one trust, and what
/// tests wrote is parsed by children of their own (HarvestChild.h).
class ForkServer {
public:
    /// `launcher`: the connection that orders come from. `title`: the memory of the command line behind the
    /// program's name, where a child writes who it is for whoever looks into /proc.
    ForkServer(UniqueFd launcher, std::string runsDir, char* title, std::size_t titleSize);

    /// In each child what it was born for; in the server nothing, once the launcher is gone.
    std::optional<Birth> serve();

private:
    /// Empty in the server, which has answered the launcher with the child's pid or why there is none.
    std::optional<Birth> bear(Packet order);
    void writeTitle(const LeaderOrder& order);

    UniqueFd _launcher;
    std::string _runsDir;
    char* _title;
    std::size_t _titleSize;
};

} // namespace usher
