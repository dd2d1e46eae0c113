// A plugin that says what the request tells it to say, and writes down what it was told. For tests alone.
//   X-Do        allow, deny, abstain; absent: abstains without a word
//   X-Delay     milliseconds until it says so
//   X-Limits    "limit remaining reset_ms"
//   X-Status, X-Code, X-Words, X-Principal, X-Role    what the verdict holds; X-Replay-Ok: its flag
//   X-Set       "Name: value", a field of the verdict; X-Set-Too: another
// The key `record` names a file: one line for each question, and one for each settled().
#include <usher/auth.hpp>

#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

namespace {

using namespace usher::auth;

std::string textOf(const Request& request, std::string_view name) {
    return std::string(*request.header(name));
}

int numberOf(const Request& request, std::string_view name) {
    const std::string text = textOf(request, name);
    return text.empty() ? 0 : std::stoi(text);
}

class Puppet final : public Plugin {
public:
    Puppet(Host host, const Config& config) : Plugin(host), _record(config.text("record"), std::ios::app) {}

    static std::vector<Route> routes() {
        return {{"GET", "/api/puppet/silent", "puppet.silent"},
                {"POST", "/api/jobs/{id}/puppet/{status}", "puppet.answer", "", 1024},
                {"POST", "/api/puppet/{jobId}", "puppet.poke", "", 1024}};
    }

    void check(Call call, const Request& request) override {
        const std::string word = textOf(request, "X-Do");
        if (word.empty()) return void(call.complete(Verdict::abstain()));
        std::this_thread::sleep_for(std::chrono::milliseconds(numberOf(request, "X-Delay")));
        const std::string name = std::string(request.action()) + ' ' + word;
        {
            const std::lock_guard lock(_mutex);
            _asked[call.handle()] = name;
        }
        std::string line = "asked " + name + " resource=" + std::string(request.resource());
        for (const char* attribute : {"job_id", "started_by", "principal"})
            line +=
                ' ' + std::string(attribute) + '=' + std::string(request.attribute(attribute).value_or("-"));
        write(line);
        call.complete(verdictOf(request, word));
    }

    void settled(usher_call call, const Outcome& outcome) override {
        std::string name;
        {
            const std::lock_guard lock(_mutex);
            name = _asked[call];
            _asked.erase(call);
        }
        const char* kinds[] = {"?", "accepted", "abandoned", "unknown"};
        write("settled " + name + ' ' + kinds[outcome.kind & 3] + " run=" + std::string(outcome.runId));
    }

    void handle(HttpCall call, const HttpRequest& request) override {
        if (request.route() == 0) { // never answers: kept until the end
            const std::lock_guard lock(_mutex);
            return _silent.push_back(std::move(call));
        }
        const std::string status(request.param("status"));
        call.respond({status.empty() ? 200 : std::stoi(status), "{}", {}, {}});
    }

    void stop() override {
        const std::lock_guard lock(_mutex);
        _silent.clear();
    }

private:
    static Verdict verdictOf(const Request& request, const std::string& word) {
        std::string principal = textOf(request, "X-Principal");
        if (principal.empty()) principal = "puppet:somebody";
        const std::string code = textOf(request, "X-Code"), words = textOf(request, "X-Words");
        Verdict verdict = word == "allow"  ? Verdict::allow(principal, "Somebody", textOf(request, "X-Role"))
                          : word == "deny" ? Verdict::deny(code, words)
                                           : Verdict::abstain(code, words);
        if (word == "deny") verdict.principal(principal);
        if (const std::string limits = textOf(request, "X-Limits"); !limits.empty()) {
            std::istringstream numbers(limits);
            std::int64_t limit = 0, remaining = 0, resetMs = 0;
            numbers >> limit >> remaining >> resetMs;
            verdict.limits(limit, remaining, resetMs);
        }
        if (request.header("X-Replay-Ok")) verdict.replayOk();
        verdict.status(numberOf(request, "X-Status"));
        for (const char* name : {"X-Set", "X-Set-Too"})
            if (const std::string field = textOf(request, name); !field.empty())
                verdict.header(field.substr(0, field.find(": ")), field.substr(field.find(": ") + 2));
        return verdict;
    }

    void write(const std::string& line) {
        const std::lock_guard lock(_mutex);
        _record << line << std::endl;
    }

    std::mutex _mutex;
    std::ofstream _record;
    std::map<usher_call, std::string> _asked;
    std::vector<HttpCall> _silent;
};

} // namespace

USHER_AUTH_PLUGIN(Puppet, "puppet", "1.0.0", "Usher's tests")
