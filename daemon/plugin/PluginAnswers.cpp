// What a plugin says to PluginInstance about its calls: complete(), respond(), retain(), release().
#include "plugin/Deferred.h"
#include "plugin/PluginInstance.h"

namespace usher {

namespace {

/// The half of an ALLOW that is still to come.
class PluginSettlement final : public Settlement {
public:
    PluginSettlement(std::shared_ptr<PluginInstance> instance, usher_call call)
        : _instance(std::move(instance)), _call(call) {}
    ~PluginSettlement() override { abandoned(); }
    void accepted(const std::string& runId) override { tell(USHER_ACCEPTED, runId); }
    void abandoned() override { tell(USHER_ABANDONED, {}); }
    void unknown() override { tell(USHER_UNKNOWN, {}); }

private:
    void tell(std::int32_t outcome, const std::string& runId) {
        // exchange: two threads that settle the same request are one word too many, not two
        if (usher_call call = _call.exchange(0)) _instance->settle(call, outcome, runId);
    }
    const std::shared_ptr<PluginInstance> _instance;
    std::atomic<usher_call> _call;
};

} // namespace

usher_status PluginInstance::complete(usher_call call, const usher_verdict& raw) {
    const Instant now = std::chrono::steady_clock::now();
    const bool allows = raw.decision == USHER_ALLOW;
    Done done;
    bool closed = false;
    CallRemains remains; // destroyed outside the lock
    {
        Lock lock(_mutex);
        CallSlot* slot = _calls.find(call);
        if (slot && slot->route) return USHER_INVALID;
        if (!slot || !slot->open || !slot->entered || slot->deadline <= now) {
            ++_counters.stale;
            return USHER_STALE;
        }
        done = std::move(slot->done);
        closed = _breaker.answered(slot->number, slot->probe);
        if (allows && _plugin->ops.settled) {
            slot->settling = true;
            ++_settling;
        }
        _calls.answer(*slot);
        switch (raw.decision) {
        case USHER_ALLOW:
            ++_counters.allowed;
            break;
        case USHER_DENY:
            ++_counters.denied;
            break;
        case USHER_ABSTAIN:
            ++_counters.abstained;
            break;
        default:
            ++_counters.errors;
        }
        remains = _calls.release(*slot);
    }
    if (closed) _side.say(USHER_LOG_INFO, "answers in time again");
    Answer answer;
    // From here on an ALLOW is settled whatever happens: the settlement says abandoned() when it is dropped.
    std::unique_ptr<Settlement> settlement;
    if (allows) settlement = std::make_unique<PluginSettlement>(shared_from_this(), call);
    answer.verdict = readVerdict(raw, _settings.name);
    if (answer.verdict.decision == Decision::allow) answer.settlements.push_back(std::move(settlement));
    // The daemon goes on when the plugin has returned, not on top of its stack and inside its time.
    if (Deferred* deferred = Deferred::of(call, this))
        deferred->keep(std::move(done), std::move(answer));
    else
        done(std::move(answer));
    return USHER_OK;
}

usher_status PluginInstance::respond(usher_call call, const usher_http_response& raw) {
    const Instant now = std::chrono::steady_clock::now();
    std::function<void(PluginResponse)> done;
    CallRemains remains;
    std::string requestId;
    {
        Lock lock(_mutex);
        CallSlot* slot = _calls.find(call);
        if (slot && !slot->route) return USHER_INVALID;
        if (!slot || !slot->open || !slot->entered || slot->deadline <= now) {
            ++_counters.stale;
            return USHER_STALE;
        }
        done = std::move(slot->route->done);
        requestId = slot->request->requestId;
        --_openRoutes;
        _calls.answer(*slot);
        remains = _calls.release(*slot);
    }
    std::string problem;
    PluginResponse response = readResponse(raw, requestId, problem);
    if (!problem.empty()) _side.say(USHER_LOG_ERROR, "gave an unusable HTTP response: " + problem);
    done(std::move(response));
    return USHER_OK;
}

usher_status PluginInstance::retain(usher_call call) {
    Lock lock(_mutex);
    CallSlot* slot = _calls.find(call);
    if (!slot || !slot->open) return USHER_STALE;
    if (!slot->inside) return USHER_INVALID; // its bytes may be gone already
    ++slot->retained;
    return USHER_OK;
}

void PluginInstance::release(usher_call call) {
    CallRemains remains;
    Lock lock(_mutex);
    CallSlot* slot = _calls.find(call);
    if (!slot || slot->retained == 0) return;
    --slot->retained;
    remains = _calls.release(*slot);
}

std::shared_ptr<const AuthRequest> PluginInstance::requestOf(usher_call call) {
    Lock lock(_mutex);
    CallSlot* slot = _calls.find(call);
    return slot ? slot->request : nullptr;
}

} // namespace usher
