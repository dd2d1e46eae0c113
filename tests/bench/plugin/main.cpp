// What the plugin interface costs a question: an allow-all, NONBLOCKING plugin in the daemon's process and in
// one of its own, against an authenticator that is a plain C++ object. Pairs are interleaved; what is printed
// is the median of the pairs' differences. Then HangingCalls: one call in ten is never answered.
//
//   bench_plugin FOLDER_OF_PLUGINS USHER_PLUGIN [PAIRS [HANGING_PAIRS [inproc|isolated]]]
#include "HangingCalls.h"
#include "Question.h"

#include "plugin/PluginHost.h"
#include "plugin/isolated/SpawnedHelpers.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <tuple>

using namespace usher;
using namespace usher::bench;
using namespace std::chrono_literals;

namespace {

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

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr
            << "bench_plugin FOLDER_OF_PLUGINS USHER_PLUGIN [PAIRS [HANGING_PAIRS [inproc|isolated]]]\n";
        return 2;
    }
    const int pairs = argc > 3 ? std::atoi(argv[3]) : 5, hanging = argc > 4 ? std::atoi(argv[4]) : 40;
    const std::string chosen = argc > 5 ? argv[5] : "";
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
    for (const auto& [name, count, limitUs] :
         {std::tuple("inproc", 200'000, 1.0), {"isolated", 20'000, 150.0}}) {
        if (!chosen.empty() && chosen != name) continue;
        if (pairs > 0) compare(name, *host.find(name), pairs, count, limitUs);
        if (hanging > 0) measureHanging(name, *host.find(std::string("hang-") + name), hanging);
    }
    const bool clean = host.stop();
    std::filesystem::remove_all(folder);
    std::fflush(stdout);
    std::_Exit(clean ? 0 : 1);
}
