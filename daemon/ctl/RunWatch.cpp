#include "ctl/RunWatch.h"

#include "base/Text.h"
#include "ctl/Amounts.h"
#include "ctl/Context.h"

#include <algorithm>
#include <thread>

namespace usher::ctl {

namespace {

constexpr int tickMilliseconds = 200;
constexpr std::chrono::seconds patience{60};

std::int64_t millisecondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start)
        .count();
}

} // namespace

RunWatch::RunWatch(Client& client, Io& io, std::string runId, const WatchOptions& options)
    : _client(client), _io(io), _path("/api/runs/" + runId), _options(options),
      _filter(options.raw || !io.outIsTerminal) {}

bool RunWatch::timeIsUp() const {
    return _options.timeout && std::chrono::steady_clock::now() - _start >= *_options.timeout;
}

std::optional<Json> RunWatch::untilEnd() {
    auto lastHeard = std::chrono::steady_clock::now();
    std::chrono::milliseconds pause{250};
    for (;;) {
        std::string lastId = _events.lastId();
        std::string why;
        try {
            Seen seen = readStream();
            if (seen == Seen::timeIsUp) {
                eraseProgress();
                return std::nullopt;
            }
            if (seen == Seen::ended) {
                Json run = _client.get(_path);
                eraseProgress();
                if (!_atLineStart) _io.out << "\n";
                _io.out << std::flush;
                return memberOf(run, "run").is_object() ? memberOf(run, "run") : run;
            }
            why = "the event stream ended before the run did";
        } catch (const Unreachable& e) {
            why = e.what();
        } catch (const Refused& e) {
            // 503 and the like pass; anything else will not change by asking again.
            if (e.status() < 500 && e.status() != 429) throw;
            why = e.what();
        }
        auto now = std::chrono::steady_clock::now();
        if (_events.lastId() != lastId) {
            lastHeard = now;
            pause = std::chrono::milliseconds(250);
        }
        if (now - lastHeard > patience) throw Unreachable(why, true);
        if (timeIsUp()) {
            eraseProgress();
            return std::nullopt;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds(4000));
        _events.restart();
    }
}

RunWatch::Seen RunWatch::readStream() {
    Headers headers{{"Accept", "text/event-stream"}};
    if (!_events.lastId().empty()) headers.emplace_back("Last-Event-ID", _events.lastId());
    std::unique_ptr<Download> stream = _client.open(_path + "/events", headers);
    for (;;) {
        while (!stream->wait(tickMilliseconds)) {
            if (timeIsUp()) return Seen::timeIsUp;
            drawProgress();
        }
        std::string bytes = stream->read();
        if (bytes.empty()) return Seen::goesOn;
        for (const StreamEvent& event : _events.feed(bytes)) {
            Seen seen = take(event);
            if (seen != Seen::goesOn) return seen;
        }
        if (timeIsUp()) return Seen::timeIsUp;
        drawProgress();
    }
}

RunWatch::Seen RunWatch::take(const StreamEvent& event) {
    auto parsed = parseJson(event.data, {.maxBytes = 8u << 20});
    const Json* data = std::get_if<Json>(&parsed);
    if (data == nullptr) return Seen::goesOn; // an event of a kind that we do not know
    if (event.type == "state") {
        _status = textOf(*data, "status");
        if (_status == "running") learnTests();
    } else if (event.type == "log") {
        showOutput(static_cast<int>(numberOf(*data, "test")), textOf(*data, "text"));
    } else if (event.type == "result") {
        _results[static_cast<int>(numberOf(*data, "test"))] = textOf(*data, "status");
    } else if (event.type == "end") {
        _status = textOf(*data, "status");
        return Seen::ended;
    }
    return Seen::goesOn;
}

void RunWatch::learnTests() {
    try {
        Json answer = _client.get(_path);
        const Json& run = memberOf(answer, "run").is_object() ? memberOf(answer, "run") : answer;
        for (const Json& test : memberOf(run, "tests"))
            _titles[static_cast<int>(numberOf(test, "position"))] = textOf(test, "title");
        _testCount = std::max(_testCount, _titles.size());
    } catch (const std::runtime_error&) {
        // Titles are an ornament: without them the numbers must do.
    }
}

void RunWatch::showOutput(int test, const std::string& text) {
    if (!_options.follow || (_options.onlyTest && *_options.onlyTest != test)) return;
    eraseProgress();
    std::string out;
    if (test != _currentTest) {
        out = _filter.finish();
        if (!out.empty()) _atLineStart = false;
        if (!_atLineStart) out += "\n";
        _atLineStart = true;
        _currentTest = test;
        if (_options.headings) {
            if (_titles.find(test) == _titles.end()) learnTests();
            out += "--- test " + std::to_string(test) + ": " + harmless(_titles[test]) + "\n";
        }
    }
    std::string shown = _filter.feed(text);
    if (!shown.empty()) _atLineStart = shown.back() == '\n';
    _io.out << out << shown << std::flush;
}

void RunWatch::drawProgress() {
    if (!_options.progress || !_io.errIsTerminal || (_io.outIsTerminal && !_atLineStart)) return;
    static const char wheel[] = {'|', '/', '-', '\\'};
    std::string line = std::string(1, wheel[_tick++ % 4]) + " " + harmless(_status);
    if (_testCount > 0)
        line += "  " + std::to_string(_results.size()) + " of " + std::to_string(_testCount) + " tests done";
    auto failed =
        std::count_if(_results.begin(), _results.end(), [](const auto& r) { return r.second != "passed"; });
    if (failed > 0) line += ", " + std::to_string(failed) + " not passed";
    line += "  " + showDuration(millisecondsSince(_start) / 1000 * 1000);
    _io.err << "\r\x1b[K" << line << std::flush;
    _progressShown = true;
}

void RunWatch::eraseProgress() {
    if (_progressShown) _io.err << "\r\x1b[K" << std::flush;
    _progressShown = false;
}

int exitCodeOf(const std::string& status) {
    if (status == "passed") return 0;
    if (status == "failed") return 1;
    if (status == "timeout") return 4;
    if (status == "cancelled") return 5;
    if (status == "lost") return 6;
    return 3;
}

} // namespace usher::ctl
