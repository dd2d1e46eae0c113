#pragma once

#include "ctl/Client.h"
#include "ctl/EventStream.h"
#include "ctl/Io.h"
#include "ctl/TerminalText.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace usher::ctl {

struct WatchOptions {
    bool follow = false;  ///< show the tests' output as it comes
    bool raw = false;     ///< as it is, also on a terminal
    bool progress = true; ///< the one moving line, on a terminal only
    bool headings = true; ///< a line before each test's output
    std::optional<int> onlyTest;
    std::optional<std::chrono::seconds> timeout; ///< of the watching, not of the run
};

/// Follows one run until it ends, over its event stream, through broken connections and restarts of the
/// server: each new connection resumes behind the last event, so that nothing is shown twice or left out.
/// Output goes to Io::out, progress to Io::err. Throws Unreachable when the server stays away for a minute,
/// Refused when it does not let us look. [main]
class RunWatch {
public:
    RunWatch(Client& client, Io& io, std::string runId, const WatchOptions& options);

    /// The run as it ended; nothing when the time was up first.
    std::optional<Json> untilEnd();

private:
    enum class Seen { goesOn, ended, timeIsUp };

    Seen readStream();
    Seen take(const StreamEvent& event);
    void showOutput(int test, const std::string& text);
    void learnTests();
    void drawProgress();
    void eraseProgress();
    bool timeIsUp() const;

    Client& _client;
    Io& _io;
    std::string _path; ///< /api/runs/ID
    WatchOptions _options;
    EventStream _events;
    OutputFilter _filter;
    std::chrono::steady_clock::time_point _start = std::chrono::steady_clock::now();
    bool _progressShown = false;
    bool _atLineStart = true;
    int _tick = 0;
    std::string _status = "queued";
    int _currentTest = -1;
    std::map<int, std::string> _titles;
    std::map<int, std::string> _results;
    std::size_t _testCount = 0;
};

/// 0 passed, 1 failed, 3 error, 4 timeout, 5 cancelled, 6 lost; 3 for a verdict that we do not know.
int exitCodeOf(const std::string& status);

} // namespace usher::ctl
