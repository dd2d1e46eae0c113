#include "HelperWiring.h"

#include "base/Mutex.h"
#include "exec/HelperLink.h"
#include "exec/LeaderProcess.h"
#include "plugin/isolated/SpawnedHelpers.h"

#include <unistd.h>

#include <csignal>
#include <set>
#include <stdexcept>

namespace usher {

namespace {

/// Asks the launcher. Where it is our own child and has gone, helpers are started directly: by now we have as
/// few privileges as they would be given.
class LaunchedHelpers final : public HelperStarter {
public:
    LaunchedHelpers(HelperLink link, const std::string& program) : _link(std::move(link)), _direct(program) {}

    pid_t start(const HelperOrder& order, int socket, int file) override {
        Lock lock(_mutex);
        std::string why;
        if (auto pid = _link.start(order.plugin, order.network, order.ownUser, socket, file, why))
            return *pid;
        if (!_link.gone()) throw std::runtime_error(why);
        const pid_t pid = _direct.start(order, socket, file);
        _ours.insert(pid);
        return pid;
    }
    void end(pid_t pid) override {
        Lock lock(_mutex);
        if (_ours.erase(pid))
            _direct.end(pid);
        else
            _link.end(pid);
    }

private:
    Mutex _mutex;
    HelperLink _link GUARDED_BY(_mutex);
    SpawnedHelpers _direct;
    std::set<pid_t> _ours GUARDED_BY(_mutex);
};

} // namespace

std::string helperProgram(const std::string& leader) {
    return leader.substr(0, leader.rfind('/') + 1) + "usher-plugin";
}

std::unique_ptr<HelperStarter> makeHelperStarter(const ExecSettings& settings) {
    return std::make_unique<LaunchedHelpers>(HelperLink(settings), helperProgram(settings.leaderPath));
}

} // namespace usher
