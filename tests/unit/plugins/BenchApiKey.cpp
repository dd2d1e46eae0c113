// How many verifications a second the api-key plugin answers with a fixed number in flight, and how long each
// takes.
//
//     bench_api_key URL IN_FLIGHT SECONDS [free|limited|uses]
//
// URL names an empty database; the tables are made here. One thread asks: what is measured is the plugin and
// the database, not a client.
#include "ApiKeyFixture.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>

using namespace usher::test;

namespace {

using Clock = std::chrono::steady_clock;

struct Bench : usher_host {
    std::string url;
    std::mutex turn, mutex;
    std::condition_variable ready;
    std::vector<usher_call> done;
    std::vector<int> decisions;
};
Bench bench;

usher_status complete(const usher_host*, usher_call call, const usher_verdict* verdict) {
    std::lock_guard lock(bench.mutex);
    bench.decisions[call - 1] = verdict->decision;
    bench.done.push_back(call);
    if (bench.done.size() == 1) bench.ready.notify_one();
    return USHER_OK;
}
void writeLog(const usher_host*, int32_t, usher_call, usher_str text, const usher_field*, size_t) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size), text.data);
}
usher_status secret(const usher_host*, usher_str name, char* buffer, size_t, size_t* length) {
    if (std::string(name.data, name.size) != "database.url") return USHER_INVALID;
    *length = bench.url.size();
    std::memcpy(buffer, bench.url.data(), bench.url.size());
    return USHER_OK;
}
usher_status acquire(const usher_host*, uint64_t) {
    return bench.turn.lock(), USHER_OK;
}
void release(const usher_host*) {
    bench.turn.unlock();
}
const void* extension(const usher_host*, const char* id) {
    static const usher_secrets secrets{sizeof(usher_secrets), 0, secret};
    static const usher_db_turn turns{sizeof(usher_db_turn), 0, acquire, release};
    if (std::strcmp(id, USHER_EXT_SECRETS) == 0) return &secrets;
    if (std::strcmp(id, USHER_EXT_DB_TURN) == 0 && bench.url.starts_with("sqlite")) return &turns;
    return nullptr;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4)
        return std::fprintf(stderr, "usage: bench_api_key URL IN_FLIGHT SECONDS [free|limited|uses]\n"), 2;
    const auto inFlight = static_cast<std::size_t>(std::atoi(argv[2]));
    const std::string kind = argc > 4 ? argv[4] : "free";
    bench.url = argv[1];
    bench.size = sizeof(usher_host);
    bench.complete = complete;
    bench.log = writeLog;
    bench.get_extension = extension;
    ApiKeyWorld world(bench.url);
    void* library = ::dlopen(USHER_API_KEY_SO, RTLD_NOW | RTLD_LOCAL);
    const auto* entry = static_cast<const usher_auth_entry*>(::dlsym(library, "usher_auth_entry_v1"));
    void* self = nullptr;
    if (entry->ops->create(&bench, nullptr, 0, &self) != USHER_OK || entry->ops->start(self) != USHER_OK)
        return 1;
    constexpr int keyCount = 100;
    std::vector<std::string> bearers;
    for (int i = 0; i < keyCount; ++i) {
        const std::string id = "bench" + std::to_string(i);
        bearers.push_back("Bearer " + world.insertKey(id, "job_0123456789abcdefghijklmnop_" + id));
        if (kind == "limited")
            world.set(id, "rate_limit_enabled = " + world.yes() + ", rate_limit_max = 1000000");
        if (kind == "uses") world.set(id, "remaining = 1000000000");
    }

    const std::string authorization = "Authorization", action = "job.trigger", peer = "127.0.0.1";
    auto str = [](const std::string& text) { return usher_str{text.data(), text.size()}; };
    std::vector<Clock::time_point> asked(inFlight);
    bench.decisions.resize(inFlight);
    std::vector<std::int64_t> micros;
    std::size_t next = 0, refused = 0, flying = 0;
    auto ask = [&](usher_call call) {
        const usher_field header{str(authorization), str(bearers[next++ % keyCount])};
        usher_request request{};
        request.size = sizeof request;
        request.action = str(action), request.resource = str(kJob), request.peer_address = str(peer);
        request.headers = &header, request.header_count = 1;
        const auto now = Clock::now();
        asked[call - 1] = now;
        request.deadline_ns =
            static_cast<uint64_t>((now + std::chrono::seconds(2)).time_since_epoch().count());
        ++flying;
        entry->ops->check(self, call, &request);
    };
    const auto begin = Clock::now(), end = begin + std::chrono::seconds(std::atoi(argv[3]));
    for (usher_call call = 1; call <= inFlight; ++call) ask(call);
    std::vector<usher_call> done;
    const usher_outcome accepted{sizeof accepted, USHER_ACCEPTED, {nullptr, 0}};
    while (flying > 0) {
        done.clear();
        {
            std::unique_lock lock(bench.mutex);
            bench.ready.wait(lock, [] { return !bench.done.empty(); });
            done.swap(bench.done);
        }
        const auto now = Clock::now();
        for (const usher_call call : done) {
            --flying;
            micros.push_back(
                std::chrono::duration_cast<std::chrono::microseconds>(now - asked[call - 1]).count());
            if (bench.decisions[call - 1] == USHER_ALLOW)
                entry->ops->settled(self, call, &accepted);
            else
                ++refused;
            if (now < end) ask(call);
        }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(micros.begin(), micros.end());
    std::printf("%s %s in flight %zu: %.0f/s, p50 %.2f ms, p99 %.2f ms, max %.2f ms, refused %zu\n",
                kind.c_str(), world.postgres() ? "postgresql" : "sqlite", inFlight,
                static_cast<double>(micros.size()) / seconds,
                static_cast<double>(micros[micros.size() / 2]) / 1000,
                static_cast<double>(micros[micros.size() * 99 / 100]) / 1000,
                static_cast<double>(micros.back()) / 1000, refused);
    entry->ops->stop(self);
    entry->ops->destroy(self);
}
