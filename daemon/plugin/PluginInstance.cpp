#include "plugin/PluginInstance.h"

#include "base/Text.h"
#include "plugin/CRequest.h"
#include "plugin/CText.h"
#include "plugin/Deferred.h"
#include "plugin/ThreadRole.h"

#include <algorithm>

namespace usher {

namespace {

using namespace std::chrono_literals;

constexpr auto kStuckInline = 100ms;
constexpr auto kSlowInline = 1ms; // the promise is 100 µs; the rest is what a busy machine takes away
constexpr std::uint32_t kInlineWindow = 1000, kInlineSlow = 20;

Answer unavailable(std::string reason) {
    Answer answer;
    answer.verdict = unavailableVerdict(std::move(reason));
    return answer;
}

/// For nobody, but the chain ends with it.
Answer calledOff() {
    Answer answer = unavailable("the client went away");
    answer.verdict.code = "CLIENT_GONE";
    return answer;
}

} // namespace

void PluginInstance::check(std::shared_ptr<const AuthRequest> request, Done done) {
    const Instant now = std::chrono::steady_clock::now();
    const Instant deadline = std::min(request->deadline, now + _settings.deadline);
    const char* refused = nullptr;
    CallSlot* slot = nullptr;
    usher_call call = 0;
    bool inlined = false;
    {
        Lock lock(_mutex);
        ++_counters.checks;
        Breaker::Pass pass = Breaker::Pass::no;
        Breaker::Number number = 0;
        if (_state != State::running)
            refused = " is not running";
        else if (deadline <= now)
            refused = " had no time left";
        else if (_calls.openCount() - _openRoutes >= _settings.maxInFlight)
            refused = " has too many calls in flight", ++_counters.refusedFull;
        else if ((pass = _breaker.ask(now, number)) == Breaker::Pass::no)
            refused = " keeps missing deadlines and is asked once a second", ++_counters.refusedByBreaker;
        else if (!(slot = _calls.open(std::move(request), deadline)))
            refused = " holds too many calls", ++_counters.refusedFull;
        if (slot) {
            slot->probe = pass == Breaker::Pass::probe;
            slot->number = number;
            slot->done = std::move(done);
            call = slot->handle;
            inlined =
                _inline.load(std::memory_order_relaxed) && (_inlineNow < kInlineLimit || _plugin->isolated());
            if (inlined) {
                ++_inlineNow;
                slot->inlined = slot->inside = slot->entered = true;
                slot->enteredAt = now;
            }
        } else {
            ++_counters.errors;
        }
    }
    if (!slot) return done(unavailable("plugin " + _settings.name + refused));
    if (!inlined) {
        if (!_checkLane.push({Work::Kind::check, call})) fail(call, "is not running");
        return;
    }
    const auto took = callCheck(*slot, call);
    if (!_plugin->isolated()) noteInlineTime(took);
}

void PluginInstance::handle(std::unique_ptr<RouteQuestion> question,
                            std::shared_ptr<const AuthRequest> request) {
    const Instant deadline = request->deadline;
    const std::string requestId = request->requestId;
    CallSlot* slot = nullptr;
    usher_call call = 0;
    {
        Lock lock(_mutex);
        const bool room = _openRoutes < _settings.maxRoutesInFlight;
        if (_state == State::running && room && deadline > std::chrono::steady_clock::now())
            slot = _calls.open(std::move(request), deadline);
        if (slot) {
            ++_openRoutes;
            slot->route = std::move(question);
            call = slot->handle;
        } else if (!room) {
            ++_counters.refusedFull;
        }
    }
    if (!slot) return question->done(unavailableResponse(requestId));
    const bool serial = (_plugin->ops.thread_model & 0xffu) == USHER_SERIAL;
    if (!(serial ? _checkLane : _routeLane).push({Work::Kind::route, call})) fail(call, "is not running");
}

void PluginInstance::serve(Work& work) {
    if (work.kind == Work::Kind::settled) return tellSettled(work);
    if (work.kind == Work::Kind::cancel) {
        try {
            _plugin->ops.cancel(_self, work.call);
        } catch (...) {
            _side.say(USHER_LOG_ERROR, "threw an exception out of cancel()");
        }
        return;
    }
    if (work.kind == Work::Kind::timer) return serveTimer(work.call);
    CallSlot* slot;
    {
        Lock lock(_mutex);
        slot = _calls.find(work.call);
        if (!slot || !slot->open) return; // over before its turn came: the plugin never saw it
        slot->inside = slot->entered = true;
        slot->enteredAt = std::chrono::steady_clock::now();
    }
    if (work.kind == Work::Kind::check)
        callCheck(*slot, work.call);
    else
        callRoute(*slot, work.call);
}

std::chrono::nanoseconds PluginInstance::callCheck(CallSlot& slot, usher_call call) {
    // `inside` holds the slot, so what the plugin sees of it is ours without the lock.
    const Instant begin = std::chrono::steady_clock::now();
    Deferred deferred(call, this);
    try {
        ThreadRole role(slot.inlined ? USHER_THREAD_WORKER : USHER_THREAD_CHECK);
        fillRequest(slot);
        _plugin->ops.check(_self, call, &slot.c);
    } catch (...) {
        fail(call, "threw an exception out of check()");
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    leave(call);
    deferred.finish();
    return took;
}

void PluginInstance::callRoute(CallSlot& slot, usher_call call) {
    try {
        ThreadRole role(USHER_THREAD_CHECK);
        fillRequest(slot);
        _handle(_self, call, &slot.route->c);
    } catch (...) {
        fail(call, "threw an exception out of handle()");
    }
    leave(call);
}

void PluginInstance::leave(usher_call call) {
    CallRemains remains;
    Lock lock(_mutex);
    CallSlot* slot = _calls.find(call);
    if (!slot) return;
    slot->inside = false;
    if (slot->inlined) --_inlineNow;
    slot->inlined = false;
    remains = _calls.release(*slot);
    if (_state == State::draining) _quieter.notifyAll();
}

void PluginInstance::fail(usher_call call, const std::string& why) {
    Done done;
    std::function<void(PluginResponse)> routeDone;
    std::string requestId;
    CallRemains remains;
    {
        Lock lock(_mutex);
        CallSlot* slot = _calls.find(call);
        if (!slot || !slot->open) return;
        done = std::move(slot->done);
        if (slot->route) {
            routeDone = std::move(slot->route->done);
            requestId = slot->request->requestId;
            --_openRoutes;
        } else {
            ++_counters.errors;
        }
        _calls.answer(*slot);
        remains = _calls.release(*slot);
    }
    _side.say(USHER_LOG_ERROR, why);
    if (routeDone) return routeDone(unavailableResponse(requestId));
    done(unavailable("plugin " + _settings.name + " " + why));
}

void PluginInstance::settle(usher_call call, std::int32_t outcome, std::string runId) {
    if (!_plugin->ops.settled) return;
    if (!_noticeLane.push({Work::Kind::settled, call, outcome, std::move(runId)})) forgetSettled(call);
}

void PluginInstance::tellSettled(const Work& work) {
    usher_outcome outcome{sizeof outcome, work.outcome, toC(work.runId)};
    try {
        _plugin->ops.settled(_self, work.call, &outcome);
    } catch (...) {
        _side.say(USHER_LOG_ERROR, "threw an exception out of settled()");
    }
    forgetSettled(work.call);
}

void PluginInstance::forgetSettled(usher_call call) {
    CallRemains remains;
    Lock lock(_mutex);
    CallSlot* slot = _calls.find(call);
    if (!slot || !slot->settling) return;
    slot->settling = false;
    --_settling;
    remains = _calls.release(*slot);
    if (_state == State::draining) _quieter.notifyAll();
}

Instant PluginInstance::expire(Instant now) {
    struct Over {
        usher_call call;
        bool entered, missed;
        Done done;
        std::function<void(PluginResponse)> routeDone;
        std::string requestId;
        CallRemains remains;
    };
    std::vector<Over> over;
    std::vector<usher_timer_id> timers;
    bool opened = false, hangs = false;
    Instant next;
    {
        Lock lock(_mutex);
        std::vector<CallSlot*> ended;
        next = _calls.findOverdue(now, ended);
        const std::size_t overdue = ended.size();
        _calls.findDropped(now, ended);
        for (std::size_t i = 0; i < ended.size(); ++i) {
            CallSlot* slot = ended[i];
            Over& item = over.emplace_back();
            item.missed = i < overdue;
            item.call = slot->handle;
            item.entered = slot->entered;
            item.done = std::move(slot->done);
            item.requestId = slot->request->requestId;
            ++(item.missed ? _counters.deadlinesMissed : _counters.calledOff);
            if (slot->route) {
                item.routeDone = std::move(slot->route->done);
                --_openRoutes;
            } else if (item.missed) {
                ++_counters.errors;
                opened = _breaker.missed(slot->number, now) || opened;
            }
            _calls.answer(*slot);
            item.remains = _calls.release(*slot);
        }
        if (_inlineNow > 0 && !_plugin->isolated()) hangs = _calls.anyInlineSince(now - kStuckInline);
        if (_state == State::draining) _quieter.notifyAll();
        if (_state == State::running) timers = _timers.due(now);
    }
    for (usher_timer_id id : timers) _noticeLane.push({Work::Kind::timer, id});
    if (hangs) demote("was inside a NONBLOCKING check for more than 100 ms");
    if (opened)
        _side.say(USHER_LOG_ERROR,
                  "keeps missing its deadline; it is asked once a second until it answers in time");
    for (Over& item : over) {
        if (item.routeDone)
            item.routeDone(unavailableResponse(item.requestId));
        else
            item.done(item.missed ? unavailable("plugin " + _settings.name + " missed its deadline")
                                  : calledOff());
        if (item.entered && _plugin->ops.cancel) _noticeLane.push({Work::Kind::cancel, item.call});
    }
    return next;
}

void PluginInstance::serveTimer(std::uint64_t id) {
    {
        Lock lock(_mutex);
        if (_state != State::running || !_timers.running(id)) return;
    }
    try {
        _onTimer(_self, id);
    } catch (...) {
        _side.say(USHER_LOG_ERROR, "threw an exception out of on_timer()");
    }
    Lock lock(_mutex);
    _timers.served(id);
}

usher_status PluginInstance::startTimer(std::chrono::milliseconds period, std::uint64_t* id) {
    if (!_onTimer || !id || period < 50ms || period > 24h) return USHER_INVALID;
    Lock lock(_mutex);
    *id = _timers.start(period, std::chrono::steady_clock::now());
    return *id ? USHER_OK : USHER_NO_MEMORY;
}

void PluginInstance::stopTimer(std::uint64_t id) {
    Lock lock(_mutex);
    _timers.stop(id);
}

void PluginInstance::noteInlineTime(std::chrono::nanoseconds took) {
    if (took > kSlowInline && _slow.fetch_add(1, std::memory_order_relaxed) >= kInlineSlow)
        demote("took more than 1 ms in " + std::to_string(kInlineSlow + 1) + " of the last " +
               std::to_string(kInlineWindow) + " NONBLOCKING checks");
    if (_timed.fetch_add(1, std::memory_order_relaxed) + 1 >= kInlineWindow) {
        _timed.store(0, std::memory_order_relaxed);
        _slow.store(0, std::memory_order_relaxed);
    }
}

void PluginInstance::demote(const std::string& why) {
    if (!_inline.exchange(false)) return;
    {
        Lock lock(_mutex);
        _counters.demoted = true;
    }
    _side.say(USHER_LOG_WARNING, why + "; from now on it is called on threads of its own");
}

PluginCounters PluginInstance::counters() {
    Lock lock(_mutex);
    PluginCounters counters = _counters;
    counters.inFlight = _calls.openCount();
    counters.breakerOpen = _breaker.isOpen();
    return counters;
}

} // namespace usher
