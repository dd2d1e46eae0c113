// A plugin that does wrong what a plugin can do wrong, on request: `X-Target: NAME` (its key `name`) and
// `X-Misbehave: KIND`. `none` allows, without a target it abstains.
#include <usher/auth.h>

#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>

namespace {

struct Misbehave {
    const usher_host* host = nullptr;
    std::string name;
    std::mutex mutex;
    std::condition_variable change;
    std::set<usher_call> cancelled;
};

std::string header(const usher_request* request, const char* name) {
    for (std::size_t i = 0; i < request->header_count; ++i) {
        const usher_field& field = request->headers[i];
        if (field.name.size == std::strlen(name) && strncasecmp(field.name.data, name, field.name.size) == 0)
            return {field.value.data, field.value.size};
    }
    return {};
}

void answer(const Misbehave& me, usher_call call, usher_decision decision) {
    usher_verdict verdict{};
    verdict.size = sizeof verdict;
    verdict.decision = decision;
    verdict.principal_id = {"misbehave:somebody", 18};
    me.host->complete(me.host, call, &verdict);
}

[[gnu::noinline]] int overflow(volatile char* above, unsigned depth) {
    volatile char frame[4096];
    frame[0] = '\0';
    if (above) frame[0] = above[0];
    return depth == 0 ? frame[0] : overflow(frame, depth + 1) + frame[0];
}

void misbehave(Misbehave& me, usher_call call, const std::string& kind) {
    static const std::string longText(10'000'000, 'x');
    usher_verdict verdict{};
    verdict.size = sizeof verdict;
    verdict.decision = USHER_ALLOW;
    verdict.principal_id = {"misbehave:somebody", 18};
    if (kind == "garbage") {
        std::memset(static_cast<void*>(&verdict), 0xa7, sizeof verdict);
        verdict.size = sizeof verdict;
        verdict.principal_id = verdict.principal_name = verdict.principal_role = verdict.code = {nullptr, 77};
        verdict.public_message = verdict.audit_message = {nullptr, 1};
        me.host->complete(me.host, call, &verdict);
    } else if (kind == "null") {
        me.host->complete(me.host, call, nullptr);
        verdict.principal_id = {nullptr, 5};
        me.host->complete(me.host, call, &verdict);
    } else if (kind == "long") {
        verdict.principal_id = {longText.data(), longText.size()};
        me.host->complete(me.host, call, &verdict);
    } else if (kind == "throw") {
        throw std::runtime_error("misbehave throws");
    } else if (kind == "abort") {
        std::abort();
    } else if (kind == "segfault") {
        std::raise(SIGSEGV);
    } else if (kind == "exit") {
        std::exit(0);
    } else if (kind == "loop") {
        static volatile bool forEver = true;
        while (forEver) {
        }
    } else if (kind == "leak") {
        for (int i = 0; i < 20; ++i) {
            auto* lost = static_cast<char*>(std::malloc(16u << 20));
            if (!lost) std::abort();
            std::memset(lost, 1, 16u << 20);
        }
        answer(me, call, USHER_DENY);
    } else if (kind == "double-free") {
        auto* twice = static_cast<char*>(std::malloc(200'000));
        char* volatile again = twice;
        std::free(twice);
        std::free(again);
        std::abort(); // should the allocator not have noticed
    } else if (kind == "stack") {
        std::_Exit(overflow(nullptr, 1) & 1);
    } else if (kind == "close") {
        for (int fd = 3; fd < 1024; ++fd) ::close(fd);
    } else if (kind == "hang") { // until it is called off: four check-threads for 200 calls
        std::unique_lock lock(me.mutex);
        me.change.wait(lock, [&] { return me.cancelled.count(call) > 0; });
        me.cancelled.erase(call);
        lock.unlock();
        answer(me, call, USHER_ALLOW); // STALE by now
    } else if (kind == "silent") {     // neither waits nor answers
    } else {
        answer(me, call, USHER_ALLOW);
    }
}

usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    auto* me = new Misbehave;
    me->host = host;
    for (size_t i = 0; i < count; ++i)
        if (std::string(config[i].name.data, config[i].name.size) == "name")
            me->name.assign(config[i].value.data, config[i].value.size);
    *self = me;
    return USHER_OK;
}

void check(void* self, usher_call call, const usher_request* request) {
    auto& me = *static_cast<Misbehave*>(self);
    if (header(request, "X-Target") != me.name) return answer(me, call, USHER_ABSTAIN);
    misbehave(me, call, header(request, "X-Misbehave"));
}

void cancel(void* self, usher_call call) {
    auto& me = *static_cast<Misbehave*>(self);
    const std::lock_guard lock(me.mutex);
    me.cancelled.insert(call);
    me.change.notify_all();
}

const usher_auth_ops ops = {sizeof(usher_auth_ops),
                            USHER_PARALLEL,
                            create,
                            [](void*) -> usher_status { return USHER_OK; },
                            check,
                            nullptr,
                            cancel,
                            [](void*) {},
                            [](void* self) { delete static_cast<Misbehave*>(self); },
                            nullptr};

} // namespace

extern "C" USHER_EXPORT const usher_auth_entry usher_auth_entry_v1 = {
    sizeof(usher_auth_entry), USHER_AUTH_MINOR, 0, "misbehave", "1.0.0", "Usher's tests", &ops};
USHER_AUTH_NOTE("misbehave", "1.0.0")
