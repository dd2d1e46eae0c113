#pragma once

#include "base/Json.h"
#include "base/UniqueFd.h"

#include <string>
#include <vector>

namespace usher {

/// The leader's side of its control connections: the one it was born with, and any that a restarted daemon
/// makes to `control.sock` in the attempt's folder, which is there from when the first is gone: most runs end
/// under the daemon that began them. Only our own user and root are listened to. Belongs to the leader's
/// loop.
class Control {
public:
    /// `first` may be empty.
    explicit Control(UniqueFd first);
    /// When nobody is connected: makes sure that control.sock is there, in the current folder. False with
    /// errno.
    bool reachable();
    void accept();
    /// Everybody hears it; who does not read misses it and looks at the files.
    void tell(const Json& message);
    /// Reads from one connection; messages with what is asked for in "op". A closed one is dropped.
    std::vector<Json> receive(int connection);
    void closeAll();

    int listener() const { return _listener.get(); }
    std::vector<int> connections() const;
    /// Said to each new connection.
    void setGreeting(Json greeting) { _greeting = std::move(greeting); }

private:
    UniqueFd _listener;
    std::vector<UniqueFd> _connections;
    Json _greeting;
};

} // namespace usher
