#include "unit/exec/ExecFixture.h"

#include "base/Text.h"
#include "exec/AttemptFolder.h"
#include "exec/ProcessTable.h"

#include <cppunit/TestAssert.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace usher::test {

void RecordingListener::started(const ClaimedRun& run, const std::string& sandbox, Micros) {
    Lock lock(_mutex);
    _started[run.runId] = sandbox;
    _changed.notifyAll();
}
void RecordingListener::testChanged(const ClaimedRun& run, const RunTest& test) {
    Lock lock(_mutex);
    _changes[run.runId].push_back(test);
    _changed.notifyAll();
}
void RecordingListener::journalGrew(const std::string&) {}
void RecordingListener::finished(const ClaimedRun& run, RunOutcome outcome) {
    Lock lock(_mutex);
    _finished[run.runId].push_back(std::move(outcome));
    _changed.notifyAll();
}
void RecordingListener::vanished(const ClaimedRun& run, const std::string& why) {
    Lock lock(_mutex);
    _vanished[run.runId] = why;
    _changed.notifyAll();
}

template <class Ready>
void RecordingListener::wait(int seconds, const char* what, Ready ready) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    Lock lock(_mutex);
    while (!ready()) {
        if (_changed.waitUntil(lock, until) == std::cv_status::timeout && !ready()) CPPUNIT_FAIL(what);
    }
}

RunOutcome RecordingListener::waitFinished(const std::string& id, int seconds) {
    wait(seconds, "the run did not finish",
         [&]() NO_THREAD_SAFETY_ANALYSIS { return !_finished[id].empty() || _vanished.count(id); });
    Lock lock(_mutex);
    CPPUNIT_ASSERT_MESSAGE("vanished: " + _vanished[id], !_finished[id].empty());
    return _finished[id].front();
}
void RecordingListener::waitEnded(const std::string& id) {
    wait(30, "the run did not end",
         [&]() NO_THREAD_SAFETY_ANALYSIS { return !_finished[id].empty() || _vanished.count(id); });
}
std::string RecordingListener::waitVanished(const std::string& id) {
    waitEnded(id);
    Lock lock(_mutex);
    CPPUNIT_ASSERT_MESSAGE("it finished", _finished[id].empty());
    return _vanished[id];
}
void RecordingListener::waitStarted(const std::string& id) {
    wait(30, "the run did not start", [&]() NO_THREAD_SAFETY_ANALYSIS { return _started.count(id); });
}
int RecordingListener::finishes(const std::string& id) {
    Lock lock(_mutex);
    return static_cast<int>(_finished[id].size());
}
std::vector<RunTest> RecordingListener::changes(const std::string& id) {
    Lock lock(_mutex);
    return _changes[id];
}
std::string RecordingListener::sandboxOf(const std::string& id) {
    Lock lock(_mutex);
    return _started[id];
}

bool isRoot() {
    return ::geteuid() == 0;
}

Host::Host(const std::string& config, std::string sandbox)
    : _sandbox(!sandbox.empty() ? std::move(sandbox)
               : isRoot()       ? "basic"
                                : "none") {
    char folder[] = "/tmp/usher-exec-XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(folder));
    root = folder;
    ::chmod(root.c_str(), 0711);
    std::ofstream(root + "/usherd.conf")
        << "state_dir = " << root << "\n[exec]\nsandbox = " << _sandbox << "\n"
        << config;
    ::chmod((root + "/usherd.conf").c_str(), 0644);
    restart();
    files = std::make_unique<RunFolder>(root + "/runs");
}

Host::~Host() {
    stop();
    eventually([&] { return processesWith(root).empty(); }, 15); // launchers and leaders end by themselves
    // A leader that has said all may still put its box away.
    const std::string command = "rm -rf '" + root + "' 2>/dev/null";
    eventually([&] { return std::system(command.c_str()) == 0; }, 5);
}

ExecSettings Host::settings() const {
    ExecSettings settings;
    settings.runsDir = root + "/runs";
    settings.configFile = root + "/usherd.conf";
    settings.launcherPath = USHER_LAUNCHER;
    settings.leaderPath = leaderPath.empty() ? USHER_LEADER : leaderPath;
    settings.sandbox = _sandbox;
    settings.nodeId = "node";
    return settings;
}

void Host::restart() {
    executor.reset();
    executor = std::make_unique<LeaderProcess>(settings(), listener, clock);
}

ClaimedRun Host::job(std::vector<std::string> scripts, const std::string& type) const {
    ClaimedRun run;
    run.runId = createUuid();
    run.jobId = createUuid();
    run.jobName = "nightly";
    run.leaseEpoch = 7;
    run.timeoutSeconds = 60;
    for (std::string& script : scripts) {
        int position = static_cast<int>(run.tests.size());
        run.tests.push_back(
            {position, createUuid(), "test " + std::to_string(position), type, std::move(script), true});
    }
    return run;
}

RunOutcome Host::run(const ClaimedRun& job) {
    executor->start(job);
    return listener.waitFinished(job.runId);
}

std::string Host::log(const std::string& runId, int test, int attempt) {
    auto slice = files->readLog(runId, attempt, test, 0, 1u << 30);
    return slice ? slice->text : "(no log)";
}

std::string Host::attemptPath(const ClaimedRun& run) const {
    return root + "/runs/" + run.runId + "/attempt-" + std::to_string(run.attempt);
}

void Host::letGo(const ClaimedRun& run) const {
    std::ofstream go(attemptPath(run) + "/box/work/go");
    CPPUNIT_ASSERT(go.good());
}

bool Host::hasResult(const ClaimedRun& run) const {
    return AttemptFolder(root + "/runs", run.runId, run.attempt).hasResult();
}

pid_t Host::leaderOf(const ClaimedRun& run) const {
    AttemptFolder folder(root + "/runs", run.runId, run.attempt);
    CPPUNIT_ASSERT(eventually([&] { return folder.identity().has_value(); }));
    return folder.identity()->pid;
}

std::vector<pid_t> processesWith(const std::string& text) {
    std::vector<pid_t> found;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc"), ::closedir);
    while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        auto pid = parseInteger(entry->d_name);
        if (!pid || *pid == ::getpid()) continue;
        auto line = readFile("/proc/" + std::string(entry->d_name) + "/cmdline");
        if (line && line->find(text) != std::string::npos) found.push_back(static_cast<pid_t>(*pid));
    }
    return found;
}

std::string read(const std::string& path) {
    return readFile(path).value_or("(cannot read " + path + ")");
}

} // namespace usher::test
