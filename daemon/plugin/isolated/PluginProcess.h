#pragma once

#include "base/Mutex.h"
#include "plugin/isolated/Channel.h"
#include "plugin/isolated/Greeting.h"
#include "plugin/isolated/IsolatedPlugin.h"
#include "plugin/isolated/RestartPace.h"
#include "plugin/isolated/TurnBroker.h"

#include <usher/ext/http-routes.h>

#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

namespace usher {

class PluginInstance;

/// DESIGN. One plugin instance in a process of its own, as the daemon sees it: behind the `self` of
/// IsolatedPlugin's table. To its PluginInstance it is a plugin like any other: check() sends the question
/// and returns, the answer comes on `_thread` through usher_host.complete(). So calls, deadlines, the breaker
/// and settlements are PluginInstance's, in one place for both kinds.
///
/// `_thread` owns the connection: it starts the helper, reads it, and when it is lost answers the calls in
/// flight (ERROR: 503) and starts the next one, at RestartPace. A helper that misses three deadlines in a
/// row, and answers nothing that was asked later, is killed; that is a loss like any other. create() and
/// start() wait for the first helper; a later one is loaded and started by `_thread` alone.
class PluginProcess {
public:
    PluginProcess(PluginInstance& instance, const usher_host* host, const IsolatedPlugin& plugin);
    /// The helper is gone afterwards.
    ~PluginProcess();

    bool create(); ///< false: why is logged [main]
    bool start();  ///< [main]
    void stop();   ///< waits for the helper to end by itself, at most 2.5 s; else it is killed [main]

    void check(usher_call call, const usher_request* request);       ///< never blocks [any-thread]
    void handle(usher_call call, const usher_http_request* request); ///< never blocks [any-thread]
    void settled(usher_call call, const usher_outcome* outcome);     ///< [any-thread]
    void cancel(usher_call call); ///< a missed deadline, or the client went away [any-thread]
    /// At most 90 ms. [any-thread]
    bool healthy(std::string& reason);
    /// usher.reload/1 of the plugin: its status; USHER_STALE when it has none, or no process runs. [main]
    usher_status reload(const usher_field* config, std::size_t count);
    /// After create(); null when it has none.
    const usher_http_routes* routes() const { return _routes.empty() ? nullptr : &_routeTable; }

private:
    enum class State { down, loading, loaded, starting, running, stopping };
    struct Open {
        std::uint64_t number; ///< questions count up
        bool route;
        std::uint64_t deadlineNs;
    };

    void serve();
    void launch();
    bool exchange(Channel& channel, int timeoutMs);
    void take(FrameReader& frame);
    void onLoaded(FrameReader& frame);
    void onReloaded(FrameReader& frame);
    void onVerdict(FrameReader& frame);
    void onResponse(FrameReader& frame);
    void noteAnswered(usher_call call);
    void onSecret(FrameReader& frame);
    void onTurn(FrameReader& frame);
    void lost();
    void killHelper(const std::string& why);
    void failCall(usher_call call, bool route, const std::string& why);
    bool send(std::string frame);
    void sendCall(usher_call call, bool route, std::uint64_t deadlineNs, std::string frame);
    void wake();
    bool await(State wanted, std::chrono::milliseconds limit);

    PluginInstance& _instance;
    const usher_host* const _host;
    const IsolatedPlugin& _plugin;
    std::unique_ptr<TurnBroker> _turn;
    std::vector<usher_route> _routes; ///< written before create() returns
    Greeting _greeting;               ///< of the first helper
    usher_http_routes _routeTable{};
    const UniqueFd _wake; ///< eventfd

    Mutex _mutex;
    Condition _change;
    std::shared_ptr<Channel> _channel GUARDED_BY(_mutex);
    State _state GUARDED_BY(_mutex) = State::down;
    bool _failed GUARDED_BY(_mutex) = false; ///< the first helper could not load or start
    bool _wanted GUARDED_BY(_mutex) = false; ///< start() was called: a new helper is started, too
    bool _everRan GUARDED_BY(_mutex) = false;
    bool _ending GUARDED_BY(_mutex) = false;
    pid_t _pid GUARDED_BY(_mutex) = -1;
    std::unordered_map<usher_call, Open> _open GUARDED_BY(_mutex);                 ///< in flight
    std::uint64_t _asked GUARDED_BY(_mutex) = 0, _answered GUARDED_BY(_mutex) = 0; ///< numbers of questions
    int _missed GUARDED_BY(_mutex) = 0;                                            ///< deadlines in a row
    std::uint64_t _healthAsked GUARDED_BY(_mutex) = 0, _healthTold GUARDED_BY(_mutex) = 0;
    std::string _healthReason GUARDED_BY(_mutex);
    std::uint64_t _reloadAsked GUARDED_BY(_mutex) = 0, _reloadTold GUARDED_BY(_mutex) = 0;
    usher_status _reloadStatus GUARDED_BY(_mutex) = 0;
    Fields _config GUARDED_BY(_mutex); ///< what the next helper is loaded with
    RestartPace _pace GUARDED_BY(_mutex);
    std::thread _thread;
};

} // namespace usher
