// What the plugin interface costs a question: an allow-all, NONBLOCKING plugin in the daemon's process and in
// one of its own, against an authenticator that is a plain C++ object. Pairs are interleaved; what is printed
// is the median of the pairs' differences. Then: one call in ten is never answered; what does that do to the
// others?
//
//   bench_plugin FOLDER_OF_PLUGINS USHER_PLUGIN [PAIRS]
#include "plugin/PluginHost.h"
#include "plugin/isolated/SpawnedHelpers.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>

using namespace usher;
using namespace std::chrono_literals;

namespace {

using Ns = std::chrono::nanoseconds;

class Services final : public HostServices {
public:
    explicit Services(const std::string& program) : _helpers(program) {}
    void log(int, const std::string&, const std::string&, const std::string&, const Fields&) override {}
    bool audit(const std::string&, AuditRecord) override { return true; }
    WriterTurn* writerTurn() override { return nullptr; }
    HelperStarter* helpers() override { return &_helpers; }

private:
    SpawnedHelpers _helpers;
};

class Direct final : public Authenticator {
public:
    const std::string& name() const override { return _name; }
    void check(std::shared_ptr<const AuthRequest>, Done done) override {
        Answer answer;
        answer.verdict.decision = Decision::allow;
        answer.verdict.principal.id = "allow-all:anyone";
        done(std::move(answer));
    }

private:
    const std::string _name = "direct";
};

std::shared_ptr<AuthRequest> question(std::chrono::milliseconds budget = 1500ms) {
    auto request = std::make_shared<AuthRequest>();
    request->requestId = "bench-0123456789abcdef";
    request->action = "job.trigger", request->method = "POST";
    request->resource = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11";
    request->target = "/api/jobs/3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11/trigger";
    request->peerAddress = "127.0.0.1";
    request->headers = {
        {"Host", "localhost"}, {"Authorization", "Bearer " + std::string(64, 'k')}, {"Accept", "*/*"}};
    request->attributes = {{"job_id", request->resource}, {"client_address", "127.0.0.1"}};
    request->deadline = std::chrono::steady_clock::now() + budget;
    return request;
}

Ns at(std::vector<Ns>& times, double part) {
    const auto index = static_cast<std::ptrdiff_t>(part * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), times.begin() + index, times.end());
    return times[static_cast<std::size_t>(index)];
}

/// One question after the other; the median.
Ns median(Authenticator& plugin, int count) {
    std::vector<Ns> times;
    times.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        auto request = question();
        std::atomic<bool> done{false};
        const Instant begin = std::chrono::steady_clock::now();
        Instant end;
        plugin.check(std::move(request), [&](Answer answer) {
            if (answer.verdict.decision != Decision::allow) std::abort();
            end = std::chrono::steady_clock::now();
            done.store(true, std::memory_order_release);
            done.notify_one();
        });
        done.wait(false, std::memory_order_acquire);
        times.push_back(end - begin);
    }
    return at(times, 0.5);
}

void compare(const char* what, Authenticator& plugin, int pairs, int count, double limitUs) {
    Direct direct;
    std::vector<Ns> added;
    median(plugin, count / 10);
    for (int i = 0; i < pairs; ++i) {
        Ns without, with;
        if (i % 2 == 0) {
            without = median(direct, count);
            with = median(plugin, count);
        } else {
            with = median(plugin, count);
            without = median(direct, count);
        }
        added.push_back(with - without);
    }
    std::printf("%-10s adds %8.2f us p50 (median of %d pairs; limit %.0f)\n", what,
                static_cast<double>(at(added, 0.5).count()) / 1000, pairs, limitUs);
}

/// `rate` questions a second for three seconds, `hangPercent` of them never answered: the p99 of the others.
Ns p99(Authenticator& plugin, int rate, int hangPercent) {
    struct State {
        std::mutex mutex;
        std::vector<Ns> times;
        std::atomic<int> open{0}, refused{0};
    };
    auto state = std::make_shared<State>();
    const Instant begin = std::chrono::steady_clock::now();
    const int count = rate * 3;
    for (int i = 0; i < count; ++i) {
        const Instant when = begin + std::chrono::duration_cast<Instant::duration>(1s) * i / rate;
        std::this_thread::sleep_until(when);
        auto request = question(500ms);
        const bool hangs = i % 100 < hangPercent * 10 && i % 10 == 0 && hangPercent > 0;
        request->headers.emplace_back("X-Target", "misbehave");
        request->headers.emplace_back("X-Misbehave", hangs ? "silent" : "none");
        ++state->open;
        const Instant asked = std::chrono::steady_clock::now();
        plugin.check(std::move(request), [state, asked, hangs](Answer answer) {
            const Ns took = std::chrono::steady_clock::now() - asked;
            if (!hangs) {
                if (answer.verdict.decision != Decision::allow) ++state->refused;
                std::lock_guard lock(state->mutex);
                state->times.push_back(took);
            }
            --state->open;
        });
    }
    while (state->open > 0) std::this_thread::sleep_for(5ms);
    if (state->refused > 0) std::fprintf(stderr, "%d refused by the breaker\n", state->refused.load());
    return at(state->times, 0.99);
}

/// Which of a pair goes first alternates, and what is judged is the median of the pairs' quotients: a p99 is
/// made by thirty of the three seconds' calls, and what else the machine does moves it more than the limit,
/// in both of a pair or in neither. The range says how much that was.
void hanging(const char* what, Authenticator& plugin, int pairs) {
    std::vector<Ns> calm, beside;
    std::vector<double> quotients;
    for (int i = 0; i < pairs; ++i) {
        Ns without{}, with{};
        for (const bool hangs : {i % 2 != 0, i % 2 == 0})
            (hangs ? with : without) = p99(plugin, 1000, hangs ? 10 : 0);
        calm.push_back(without), beside.push_back(with);
        quotients.push_back(static_cast<double>(with.count()) / static_cast<double>(without.count()));
    }
    std::sort(quotients.begin(), quotients.end());
    const auto percent = [](double quotient) { return (quotient - 1) * 100; };
    std::printf(
        "%-10s p99 of the others: %.0f us, with 10 %% hanging %.0f us: %+.1f %% (median of %d pairs, from "
        "%+.0f to %+.0f; limit 10)\n",
        what, static_cast<double>(at(calm, 0.5).count()) / 1000,
        static_cast<double>(at(beside, 0.5).count()) / 1000, percent(quotients[quotients.size() / 2]), pairs,
        percent(quotients.front()), percent(quotients.back()));
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "bench_plugin FOLDER_OF_PLUGINS USHER_PLUGIN [PAIRS]\n";
        return 2;
    }
    const int pairs = argc > 3 ? std::atoi(argv[3]) : 5;
    char folder[] = "/tmp/usher-bench-XXXXXX";
    if (!::mkdtemp(folder)) return 2;
    Services services(argv[2]);
    PluginHost host(services);
    auto add = [&](const std::string& file, const std::string& name, bool isolated) {
        const std::string path = std::string(folder) + "/" + name + ".so"; // never over one that is mapped
        std::filesystem::copy_file(std::string(argv[1]) + "/" + file + ".so", path,
                                   std::filesystem::copy_options::overwrite_existing);
        ::chmod(path.c_str(), 0644);
        PluginSettings settings;
        settings.name = name, settings.path = path, settings.isolated = isolated;
        if (file == "misbehave") settings.config = {{"name", "misbehave"}};
        host.add(std::move(settings));
    };
    add("allow-all", "inproc", false);
    add("allow-all", "isolated", true);
    add("misbehave", "hang-inproc", false);
    add("misbehave", "hang-isolated", true);
    host.start();
    compare("inproc", *host.find("inproc"), pairs, 200'000, 1);
    compare("isolated", *host.find("isolated"), pairs, 20'000, 150);
    hanging("inproc", *host.find("hang-inproc"), pairs);
    hanging("isolated", *host.find("hang-isolated"), pairs);
    const bool clean = host.stop();
    std::filesystem::remove_all(folder);
    std::fflush(stdout);
    std::_Exit(clean ? 0 : 1);
}
