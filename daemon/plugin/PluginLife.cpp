// The life cycle of a PluginInstance: create, start, health, stop. The calls are in PluginInstance.cpp.
#include "plugin/CText.h"
#include "plugin/PluginInstance.h"
#include "plugin/ThreadRole.h"

#include "base/Text.h"

#include <usher/ext/health.h>
#include <usher/ext/reload.h>
#include <usher/ext/timer.h>

#include <algorithm>

namespace usher {

namespace {

using namespace std::chrono_literals;

constexpr auto kLifeLimit =
    60s; // create and start may migrate a database, or wait for another node that does
constexpr auto kHealthLimit = 100ms;
constexpr auto kLaneLimit = 200ms; // for threads that are idle to end

bool isName(const std::string& name) {
    return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

} // namespace

PluginInstance::PluginInstance(std::shared_ptr<const Plugin> plugin, PluginSettings settings,
                               HostServices& services)
    : _plugin(std::move(plugin)), _settings(std::move(settings)), _side(_settings, services),
      _host(makeHostTable(*this)), _checkLane("c:" + _settings.name, [this](Work& work) { serve(work); }),
      _routeLane("r:" + _settings.name, [this](Work& work) { serve(work); }),
      _noticeLane("n:" + _settings.name, [this](Work& work) { serve(work); }), _life("l:" + _settings.name),
      // Places for calls that are answered and still held: retained, or not settled yet.
      _calls(4 * (_settings.maxInFlight + _settings.maxRoutesInFlight)) {}

std::shared_ptr<PluginInstance> PluginInstance::create(std::shared_ptr<const Plugin> plugin,
                                                       PluginSettings settings, HostServices& services) {
    if (!isName(settings.name))
        throw PluginRefused("the plugin name \"" + oneLine(settings.name) +
                            "\" must be 1 to 63 of a-z, 0-9 and -: rename its section");
    // The deleter: an instance in which the plugin may still be is never destroyed.
    std::shared_ptr<PluginInstance> instance(
        new PluginInstance(std::move(plugin), std::move(settings), services), [](PluginInstance* ended) {
            if (ended->_deletable) delete ended;
        });
    instance->createInstance();
    return instance;
}

void PluginInstance::live(const char* what, std::function<usher_status(PluginInstance&)> call) {
    auto status = std::make_shared<usher_status>(USHER_FAILED);
    _deletable = false;
    // The task refers to this object, which is leaked when it does not come back.
    const bool back = _life.run(
        [this, status, call = std::move(call)] {
            try {
                ThreadRole role(USHER_THREAD_MAIN);
                *status = call(*this);
            } catch (...) {
                _side.say(USHER_LOG_ERROR, "threw an exception across the C interface");
            }
        },
        kLifeLimit);
    const std::string who = "plugin " + _settings.name + " (" + _plugin->path + "): ";
    if (!back)
        throw PluginRefused(who + what + " did not return within " +
                            std::to_string(std::chrono::seconds(kLifeLimit).count()) + " s");
    if (*status == USHER_OK) return;
    const std::string error = _side.lastError();
    throw PluginRefused(
        who + what + " failed: " +
        (error.empty() ? "status " + std::to_string(*status) + " and no reason logged" : error));
}

void PluginInstance::createInstance() {
    try {
        live("create", [](PluginInstance& me) {
            std::vector<usher_field> config;
            for (const auto& [name, value] : me._settings.config) config.push_back({toC(name), toC(value)});
            void* self = nullptr;
            usher_status status = me._plugin->ops.create(&me._host.c, config.data(), config.size(), &self);
            me._self = self;
            return status;
        });
    } catch (const PluginRefused&) {
        if (!_life.busy()) _deletable = true;
        throw;
    }
    _health = extension(USHER_EXT_HEALTH);
    auto timer = copySized(static_cast<const usher_timer*>(extension(USHER_EXT_TIMER)), sizeof(usher_timer));
    if (timer) _onTimer = timer->on_timer;
}

bool PluginInstance::reloadInPlace(const Fields& config) {
    auto table =
        copySized(static_cast<const usher_reload*>(extension(USHER_EXT_RELOAD)), sizeof(usher_reload));
    if (!table || !table->reload) return false;
    const Fields before = _side.setConfig(config); // the plugin may ask for its secrets
    auto wantsSecond = std::make_shared<bool>(false);
    try {
        live("reload", [reload = table->reload, wantsSecond, copy = config](PluginInstance& me) {
            std::vector<usher_field> fields;
            for (const auto& [name, value] : copy) fields.push_back({toC(name), toC(value)});
            const usher_status status = reload(me._self, fields.data(), fields.size());
            *wantsSecond = status == USHER_STALE;
            return *wantsSecond ? USHER_OK : status;
        });
    } catch (const PluginRefused&) {
        _side.setConfig(before);
        _deletable = !_life.busy();
        throw;
    }
    if (*wantsSecond) _side.setConfig(before);
    return !*wantsSecond;
}

void PluginInstance::start() {
    live("start", [](PluginInstance& me) { return me._plugin->ops.start(me._self); });
    const std::uint32_t model = _plugin->ops.thread_model;
    const bool parallel = (model & 0xffu) == USHER_PARALLEL;
    _noticeLane.start(1);
    _checkLane.start(parallel ? std::max<std::size_t>(_settings.checkThreads, 1) : 1);
    if (_handle && parallel) _routeLane.start(std::max<std::size_t>(_settings.routeThreads, 1));
    // SERIAL promises one at a time, which the callers' threads cannot.
    _inline = parallel && (model & USHER_NONBLOCKING);
    Lock lock(_mutex);
    _state = State::running;
}

void PluginInstance::serveRoutes(void (*handler)(void*, usher_call, const usher_http_request*)) {
    _handle = handler;
}

const void* PluginInstance::extension(const char* id) {
    if (!_plugin->ops.get_extension) return nullptr;
    auto found = std::make_shared<const void*>(nullptr);
    live("get_extension", [found, id](PluginInstance& me) {
        *found = me._plugin->ops.get_extension(me._self, id);
        return USHER_OK;
    });
    return *found;
}

bool PluginInstance::healthy(std::string& reason) {
    {
        Lock lock(_mutex);
        if (_state != State::running) return reason = "is not running", false;
        if (_breaker.isOpen()) return reason = "keeps missing its deadlines", false;
    }
    auto table = copySized(static_cast<const usher_health*>(_health), sizeof(usher_health));
    if (!table || !table->check) return true;
    struct Asked {
        char text[512] = {};
        std::size_t length = 0;
        usher_status status = USHER_FAILED;
    };
    auto asked = std::make_shared<Asked>();
    const bool back = _life.run(
        [check = table->check, asked, me = shared_from_this()] {
            try {
                asked->status = check(me->_self, asked->text, sizeof asked->text, &asked->length);
            } catch (...) {
                me->_side.say(USHER_LOG_ERROR, "threw an exception out of its health check");
            }
        },
        kHealthLimit);
    if (!back) return reason = "does not answer its health check", false;
    if (asked->status == USHER_OK) return true;
    reason = oneLine(std::string_view(asked->text, std::min(asked->length, sizeof asked->text)));
    if (reason.empty()) reason = "reports that it is not able to answer";
    return false;
}

void PluginInstance::awaitQuiet(Instant until) {
    while (true) {
        const Instant now = std::chrono::steady_clock::now();
        expire(now); // whoever stops us may have stopped the sweeper
        Lock lock(_mutex);
        if ((_calls.openCount() == 0 && _inlineNow == 0 && _settling == 0) || now >= until) return;
        _quieter.waitUntil(lock, std::min(until, now + 10ms));
    }
}

bool PluginInstance::stop(std::chrono::milliseconds limit) {
    const Instant until = std::chrono::steady_clock::now() + limit;
    bool started;
    {
        Lock lock(_mutex);
        if (_state == State::ended) return _deletable;
        started = _state == State::running;
        _state = State::draining;
    }
    if (started) {
        awaitQuiet(until);
        expire(std::chrono::steady_clock::now() + 24h); // whatever is left: nobody waits any longer
        const Instant lanes = std::max(until, std::chrono::steady_clock::now() + kLaneLimit);
        bool back = _checkLane.finish(lanes);
        back = _routeLane.finish(lanes) && back;
        back = _noticeLane.finish(lanes) && back;
        Lock lock(_mutex);
        _state = State::ended;
        if (!back || _inlineNow > 0) {
            lock.unlock();
            _side.say(USHER_LOG_ERROR, "did not come back from a call; it is left alone and not destroyed");
            return false;
        }
    }
    // `started` false: start() was not called or failed, and there is nothing to stop.
    const bool back = _life.run(
        [this, started] {
            try {
                ThreadRole role(USHER_THREAD_MAIN);
                if (started) _plugin->ops.stop(_self);
                _plugin->ops.destroy(_self);
            } catch (...) {
                _side.say(USHER_LOG_ERROR, "threw an exception out of stop() or destroy()");
            }
        },
        std::max<std::chrono::milliseconds>(limit, kLaneLimit));
    Lock lock(_mutex);
    _state = State::ended;
    lock.unlock();
    if (!back) _side.say(USHER_LOG_ERROR, "did not come back from stop(); it is left alone");
    _deletable = back;
    return back;
}

} // namespace usher
