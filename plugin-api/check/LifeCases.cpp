// Rules 2, 7 and 9: from create() to destroy(), once, many times, and twice at once.
#include "Host.h"
#include "Process.h"

#include <usher/ext/config-schema.h>
#include <usher/ext/health.h>

#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace usher::check {

namespace {

/// The threads of `now` that `before` did not have.
std::vector<int> newThreads(const ProcessState& before, const ProcessState& now) {
    std::vector<int> fresh;
    std::set_difference(now.threads.begin(), now.threads.end(), before.threads.begin(), before.threads.end(),
                        std::back_inserter(fresh));
    return fresh;
}

/// A joined thread stands in /proc for a moment longer.
void awaitThreads(const ProcessState& before, int rule, const std::string& what) {
    for (int i = 0; i < 200; ++i) {
        if (newThreads(before, ProcessState::now()).empty()) return;
        std::this_thread::sleep_for(5ms);
    }
    throw Broken(rule, what);
}

void threads(const Options& options) {
    Host host(options, opsOf(options.file));
    const ProcessState before = ProcessState::now();
    if (!host.create()) throw NotJudged("create() refuses this configuration: " + host.log());
    require(newThreads(before, ProcessState::now()).empty(), 7,
            "create() starts a thread: threads begin in start(), not before");
    const bool started = host.start();
    require(started, 7, "start() fails: " + host.log());
    for (int thread : newThreads(before, ProcessState::now()))
        for (int i = 0; !blocksSignals(thread); ++i) {
            // A new thread may not have run its first line yet.
            require(i < 20, 7, "a thread of the plugin does not block all signals");
            std::this_thread::sleep_for(5ms);
        }
    host.end();
    awaitThreads(before, 7, "a thread of the plugin is still there after stop() and destroy()");
}

void descriptors(const Options& options) {
    const usher_auth_ops ops = opsOf(options.file);
    { // once before: what a library opens for good, it opens now
        Host warm(options, ops);
        warm.begin();
        warm.askAndAwait(warm.question({{"Authorization", "Bearer usher-plugin-check"}}));
        warm.end();
    }
    Host host(options, ops);
    const ProcessState before = ProcessState::now();
    host.begin();
    host.askAndAwait(host.question({{"Authorization", "Bearer usher-plugin-check"}}));
    const ProcessState during = ProcessState::now();
    for (int fd : during.inheritable)
        if (!before.inheritable.count(fd))
            throw Broken(7, "it opened " + during.descriptors.at(fd) +
                                " without close-on-exec: programs that the daemon starts would inherit it");
    host.end();
    const ProcessState after = ProcessState::now();
    for (const auto& [fd, what] : after.descriptors)
        require(before.descriptors.count(fd) || what.starts_with("/dev/urandom"), 7,
                "it leaves a descriptor open after destroy(): " + what);
}

void manyLives(const Options& options) {
    const usher_auth_ops ops = opsOf(options.file);
    auto live = [&] {
        Host host(options, ops);
        host.begin();
        for (int i = 0; i < 20; ++i)
            host.expectAnswer(host.question({{"Authorization", "Bearer usher-plugin-check"}}));
        host.end();
    };
    constexpr std::size_t kMost = 16 * 1024;
    constexpr int kLives = 10;
    for (int i = 0; i < 3; ++i) live();
    // What a library makes once and keeps it may make late, in a life that happens to get so far: TLS does. A
    // leak grows in each round.
    std::size_t grown = kMost;
    for (int round = 0; round < 3 && grown >= kMost; ++round) {
        const std::size_t before = mallinfo2().uordblks;
        for (int i = 0; i < kLives; ++i) live();
        const std::size_t after = mallinfo2().uordblks;
        grown = after > before ? (after - before) / kLives : 0;
    }
    require(grown < kMost, 2,
            "each life from create() to destroy() leaks about " + std::to_string(grown) + " bytes");
}

void secondInstance(const Options& options) {
    const usher_auth_ops ops = opsOf(options.file);
    Host first(options, ops);
    first.begin();
    Host second(options, ops);
    const bool created = second.create();
    require(created, 9,
            "a second instance beside the first is refused, so it cannot be reloaded: " + second.log());
    const bool started = second.start();
    require(started, 9, "a second instance does not start beside the first: " + second.log());
    auto ask = [](Host& host, const char* which) {
        auto call = host.ask(host.question({{"Authorization", "Bearer usher-plugin-check"}}));
        require(host.await(call).answered, 9,
                std::string(which) + " does not answer while two instances live");
    };
    const bool alone =
        first.askAndAwait(first.question({{"Authorization", "Bearer usher-plugin-check"}})).answered;
    if (alone) ask(first, "the first instance");
    first.end();
    if (alone) ask(second, "the second instance, after the first has ended,");
    second.end();
}

void createdOnly(const Options& options) {
    Host host(options, opsOf(options.file));
    if (!host.create()) throw NotJudged("create() refuses this configuration: " + host.log());
    host.destroy(); // what the host does when start() of another plugin fails
}

void noConfiguration(const Options& options) {
    Options bare = options;
    bare.config.clear();
    Host host(bare, opsOf(options.file));
    if (host.create() && host.start()) host.stop();
    if (host.self()) host.destroy();
}

void oddConfiguration(const Options& options) {
    Options odd = options;
    for (auto& [name, value] : odd.config) value = std::string(3, '\0') + "\xff\xfe" + std::string(5000, 'x');
    odd.config.emplace_back("usher-plugin-check", "an unknown key");
    Host host(odd, opsOf(options.file));
    if (host.create() && host.start()) host.stop();
    if (host.self()) host.destroy();
}

void goneConfiguration(const Options& options) {
    Host host(options, opsOf(options.file), {.takeAway = true});
    host.begin();
    host.askAndAwait(host.question({}));
    host.end();
}

void health(const Options& options) {
    const usher_auth_ops ops = opsOf(options.file);
    if (!ops.get_extension) throw NotJudged("no extensions");
    Host host(options, ops);
    host.begin();
    const auto* table = static_cast<const usher_health*>(ops.get_extension(host.self(), USHER_EXT_HEALTH));
    if (!table) throw NotJudged("it offers no usher.health/1");
    Guarded reason(64);
    std::size_t length = 0;
    const auto begin = Clock::now();
    table->check(host.self(), reason.data(), 64, &length);
    require(Clock::now() - begin < 100ms, 7,
            "the health check takes more than 100 ms: it must report what it knows");
    require(length <= 64, 2, "the health check says that it wrote more than there was room for");
    host.end();
}

void schema(const Options& options) {
    const usher_auth_ops ops = opsOf(options.file);
    const auto* table =
        ops.get_extension
            ? static_cast<const usher_config_schema*>(ops.get_extension(nullptr, USHER_EXT_CONFIG_SCHEMA))
            : nullptr;
    if (!table) throw NotJudged("it offers no usher.config-schema/1");
    for (const auto& [name, value] : options.config) {
        if (name.starts_with("database")) continue; // the host's own
        bool known = false;
        for (std::size_t i = 0; i < table->key_count; ++i)
            known = known || std::string_view(table->keys[i].name.data, table->keys[i].name.size) == name;
        require(known, 1, "its usher.config-schema/1 does not know the key " + name);
    }
}

} // namespace

std::vector<Case> lifeCases() {
    return {{"life.threads", 7, 30, threads},
            {"life.descriptors", 7, 30, descriptors},
            {"life.leaks", 2, 60, manyLives},
            {"life.second-instance", 9, 30, secondInstance},
            {"life.created-only", 9, 20, createdOnly},
            {"life.no-configuration", 5, 30, noConfiguration},
            {"life.odd-configuration", 5, 30, oddConfiguration},
            {"life.configuration-is-copied", 2, 30, goneConfiguration},
            {"life.health", 7, 30, health},
            {"life.schema", 1, 10, schema}};
}

} // namespace usher::check
