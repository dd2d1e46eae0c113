#pragma once

#include "base/Mutex.h"
#include "plugin/Lane.h"
#include "plugin/PluginHost.h"
#include "plugin/isolated/Channel.h"
#include "plugin/isolated/Greeting.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace usher {

/// DESIGN. The process of one isolated plugin: a PluginHost of its own, whose services are the daemon's at
/// the other end of a socket. Questions come as frames and go through the same PluginInstance as in the
/// daemon, with its threads and deadlines; answers go back as frames. The reading thread never waits for the
/// plugin (but for a NONBLOCKING check); what may take long (create, start, stop, health) runs on `_life`.
///
/// When the daemon is gone the plugin is stopped and the process ends. It always ends by _exit.
class Helper final : public HostServices, private WriterTurn {
public:
    Helper(UniqueFd socket, UniqueFd file);
    /// Until the other end closes, or says stop. [main]
    [[noreturn]] void serve();

    void log(int severity, const std::string& plugin, const std::string& requestId, const std::string& text,
             const Fields& fields) override;
    bool audit(const std::string& plugin, AuditRecord record) override;
    WriterTurn* writerTurn() override { return _order.hasTurn ? this : nullptr; }
    void metric(const PluginMetric& change) override;
    bool keepsSecrets() override { return true; }
    std::optional<std::string> secret(const std::string& name) override;

private:
    bool acquire(Instant deadline) override;
    void release() override;

    void take(FrameReader& frame);
    void load();
    void start();
    [[noreturn]] void stop();
    /// The answer to a call. Ends the process when the plugin closed the socket: nobody would hear it again.
    void answer(std::string frame);
    void check(FrameReader& frame);
    void route(FrameReader& frame);
    void settled(FrameReader& frame);
    /// Nobody waits any more for the answer to that call.
    void callOff(std::uint64_t call);
    /// So that callOff() finds whom it is about; forgotten with its answer.
    void remember(std::uint64_t call, AuthRequest& request);
    void reload(FrameReader& frame);
    void answerHealth(std::uint64_t number);
    /// Runs on `_life`; what it throws is told as `failed` and ends the process.
    void onLife(void (Helper::*step)());

    Channel _channel;
    UniqueFd _file;
    LoadOrder _order;
    PluginHost _host;
    Authenticator* _plugin = nullptr;
    PluginRoutes* _routes = nullptr;
    LifeThread _life;

    Mutex _mutex;
    Condition _change;
    std::map<std::uint64_t, std::vector<std::unique_ptr<Settlement>>> _settlements GUARDED_BY(_mutex);
    std::map<std::uint64_t, std::shared_ptr<Askers>> _askers GUARDED_BY(_mutex); ///< of calls in flight
    std::uint64_t _nextNumber GUARDED_BY(_mutex) = 1;
    std::map<std::uint64_t, std::optional<std::string>> _secrets GUARDED_BY(_mutex); ///< answers
    std::map<std::uint64_t, bool> _turns GUARDED_BY(_mutex);                         ///< answers
    std::deque<std::uint64_t> _turnQueue GUARDED_BY(_mutex); ///< this process's own writers; the first asks
};

} // namespace usher
