#pragma once

#include "base/Mutex.h"
#include "domain/Authenticator.h"
#include "plugin/Breaker.h"
#include "plugin/CallTable.h"
#include "plugin/HostSide.h"
#include "plugin/Lane.h"
#include "plugin/Plugin.h"
#include "plugin/PluginSettings.h"
#include "plugin/PluginTimers.h"

#include <atomic>
#include <memory>
#include <string>

namespace usher {

class PluginInstance;

/// What a plugin gets as its usher_host: the C table and, behind it, who it belongs to.
struct HostTable {
    usher_host c;
    PluginInstance* instance;
};
/// The functions of usher_host for `instance` (HostFunctions.cpp).
HostTable makeHostTable(PluginInstance& instance);

/// Since the instance was created.
struct PluginCounters {
    std::uint64_t checks = 0, allowed = 0, denied = 0, abstained = 0, errors = 0;
    std::uint64_t deadlinesMissed = 0; ///< checks and routes
    std::uint64_t calledOff = 0;       ///< the client went away before the answer
    std::uint64_t stale = 0;           ///< answers to a call that was over
    std::uint64_t refusedByBreaker = 0, refusedFull = 0;
    std::size_t inFlight = 0;
    bool breakerOpen = false, demoted = false;
};

/// DESIGN. One instance of a plugin behind the domain's Authenticator. A call lives in the CallTable from
/// check() until nothing can refer to it. Whoever marks it answered under `_mutex` (complete(), the sweeper,
/// a refusal) owns its `done`; so every call is answered once. The plugin is never called under a lock and,
/// but for a NONBLOCKING check, never on a thread of the daemon: checks run on `_checkLane`, routes on
/// `_routeLane` (under USHER_SERIAL on
/// `_checkLane` too), cancel() and settled() on `_noticeLane`, the life cycle on `_life`. So a plugin that
/// hangs anywhere holds up only itself. NONBLOCKING checks run on the caller's thread, at most kInlineLimit
/// at once.
///
/// Created and ended by PluginHost; shared, because settlements refer to it as long as their requests live.
/// After a stop() that said false a thread is still inside the plugin: then the object is leaked on purpose.
class PluginInstance final : public Authenticator, public std::enable_shared_from_this<PluginInstance> {
public:
    /// Creates the plugin's instance. Throws PluginRefused. [main]
    static std::shared_ptr<PluginInstance> create(std::shared_ptr<const Plugin> plugin,
                                                  PluginSettings settings, HostServices& services);
    /// From here on check() asks the plugin. Throws PluginRefused. [main]
    void start();
    /// No new calls; waits for those in flight, stops and destroys the plugin's instance. False: a thread did
    /// not come back in time and the plugin is left alone for good. [main]
    bool stop(std::chrono::milliseconds limit);

    const std::string& name() const override { return _settings.name; }
    void check(std::shared_ptr<const AuthRequest> request, Done done) override;
    /// Calls handle() of the route. `done` is called once, from any thread, at the latest at the request's
    /// deadline (503). [any-thread]
    void handle(std::unique_ptr<RouteQuestion> question, std::shared_ptr<const AuthRequest> request);

    /// Answers what is overdue or for nobody any more, and tells the plugin by cancel(); demotes a
    /// NONBLOCKING plugin that hangs. Returns when the next open call is due; Instant::max() when there is
    /// none. [sweeper]
    Instant expire(Instant now);
    /// What came of an ALLOW. [any-thread]
    void settle(usher_call call, std::int32_t outcome, std::string runId);

    const Plugin& plugin() const { return *_plugin; }
    const PluginSettings& settings() const { return _settings; }
    /// The table of that extension, or NULL. [main]
    const void* extension(const char* id);
    /// Offered under usher.http-routes/1, read by PluginRoutes when it is created; stays null without.
    void serveRoutes(void (*handler)(void*, usher_call, const usher_http_request*));
    /// False with a reason. At most 100 ms. [any-thread]
    bool healthy(std::string& reason);
    PluginCounters counters();
    HostSide& side() { return _side; }

    /// usher.reload/1. Nothing: the plugin offers none, or wants a second instance. Throws PluginRefused.
    /// [main]
    bool reloadInPlace(const Fields& config);

    usher_status startTimer(std::chrono::milliseconds period, std::uint64_t* id);
    void stopTimer(std::uint64_t id);

    // For the C functions; arguments are checked there.
    usher_status complete(usher_call call, const usher_verdict& verdict);
    usher_status respond(usher_call call, const usher_http_response& response);
    usher_status retain(usher_call call);
    void release(usher_call call);
    std::shared_ptr<const AuthRequest> requestOf(usher_call call);

private:
    static constexpr std::size_t kInlineLimit = 2;
    enum class State { created, running, draining, ended };

    PluginInstance(std::shared_ptr<const Plugin> plugin, PluginSettings settings, HostServices& services);
    void createInstance();
    /// Runs `call` on the life thread; throws PluginRefused when it fails or does not return.
    void live(const char* what, std::function<usher_status(PluginInstance&)> call);
    void serve(Work& work);
    std::chrono::nanoseconds callCheck(CallSlot& slot, usher_call call);
    void callRoute(CallSlot& slot, usher_call call);
    void leave(usher_call call);
    void tellSettled(const Work& work);
    void forgetSettled(usher_call call);
    void fail(usher_call call, const std::string& why);
    void noteInlineTime(std::chrono::nanoseconds took);
    void demote(const std::string& why);
    void awaitQuiet(Instant until);
    void serveTimer(std::uint64_t id);

    const std::shared_ptr<const Plugin> _plugin;
    const PluginSettings _settings;
    HostSide _side;
    HostTable _host;
    void* _self = nullptr;                            ///< written by create(), before anybody calls
    const void* _health = nullptr;                    ///< usher_health of the plugin, or null
    void (*_onTimer)(void*, std::uint64_t) = nullptr; ///< usher.timer/1 of the plugin, or null
    void (*_handle)(void*, usher_call, const usher_http_request*) = nullptr;
    Lane _checkLane, _routeLane, _noticeLane;
    LifeThread _life;
    std::atomic<bool> _inline {false};  ///< NONBLOCKING, and not demoted
    std::atomic<bool> _deletable{true}; ///< false: the plugin may still be inside
    std::atomic<std::uint32_t> _timed{0}, _slow{0};

    Mutex _mutex;
    Condition _quieter;
    State _state GUARDED_BY(_mutex) = State::created;
    CallTable _calls GUARDED_BY(_mutex);
    Breaker _breaker GUARDED_BY(_mutex);
    PluginTimers _timers GUARDED_BY(_mutex);
    std::size_t _inlineNow GUARDED_BY(_mutex) = 0;
    std::size_t _openRoutes GUARDED_BY(_mutex) = 0;
    std::size_t _settling GUARDED_BY(_mutex) = 0;
    PluginCounters _counters GUARDED_BY(_mutex);
};

} // namespace usher
