#include "exec/RunFolder.h"

#include "base/Text.h"
#include "base/Uuid.h"
#include "exec/AttemptFolder.h"
#include "exec/Files.h"
#include "exec/Journal.h"
#include "exec/ProcessTable.h"
#include "exec/Remains.h"
#include "exec/RunSpec.h"
#include "exec/Wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <system_error>

namespace usher {

namespace {

constexpr int kMaxDepth = 40;
constexpr std::size_t kMaxArtifacts = 100'000;
constexpr std::time_t kBirthSeconds = 10; ///< more than from a run's folder to its leader's identity

void collect(int root, const std::string& prefix, int depth, std::vector<RunFiles::Artifact>& out) {
    UniqueFd fd = openBeneath(root, prefix.empty() ? "." : prefix, O_RDONLY | O_DIRECTORY);
    std::unique_ptr<DIR, int (*)(DIR*)> dir(fd ? ::fdopendir(fd.get()) : nullptr, ::closedir);
    if (!dir) return;
    int folder = fd.release();
    while (dirent* entry = ::readdir(dir.get())) {
        std::string name = entry->d_name;
        struct stat st {};
        if (name == "." || name == ".." || out.size() >= kMaxArtifacts ||
            ::fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        std::string path = prefix.empty() ? name : prefix + "/" + name;
        if (S_ISDIR(st.st_mode) && depth < kMaxDepth)
            collect(root, path, depth + 1, out);
        else if (S_ISREG(st.st_mode) && isUtf8(path))
            out.push_back({path, static_cast<std::int64_t>(st.st_size)});
    }
}

/// The offset in "attempt-OFFSET"; 0 when it is of another attempt or no id of ours.
std::int64_t offsetAfter(const std::string& id, int attempt) {
    std::size_t dash = id.find('-');
    if (dash == std::string::npos || parseInteger(id.substr(0, dash)) != attempt) return 0;
    return std::max<std::int64_t>(0, parseInteger(id.substr(dash + 1)).value_or(0));
}

} // namespace

void makeRunsDir(const std::string& runsDir) {
    struct stat st {};
    if (::stat(runsDir.c_str(), &st) == 0) {
        if (S_ISDIR(st.st_mode)) return;
        throw std::runtime_error(runsDir + " is not a folder");
    }
    std::size_t slash = runsDir.rfind('/');
    std::string parent =
        slash == std::string::npos || slash == 0 ? std::string("/") : runsDir.substr(0, slash);
    const bool hasParent = ::stat(parent.c_str(), &st) == 0;
    const int made = hasParent ? ::mkdir(runsDir.c_str(), 0711) : -1;
    if (hasParent && made != 0 && errno == EEXIST) return; // the launcher and the daemon may make it at once
    if (made != 0 || ::chmod(runsDir.c_str(), 0711) != 0 ||
        (::geteuid() == 0 && st.st_uid != 0 && ::chown(runsDir.c_str(), st.st_uid, st.st_gid) != 0))
        throw std::runtime_error("cannot make " + runsDir + ": " + std::strerror(errno));
}

std::string whyNotReachable(const std::string& runsDir) {
    for (std::size_t slash = runsDir.size(); slash != 0 && slash != std::string::npos;
         slash = runsDir.rfind('/', slash - 1)) {
        std::string folder = runsDir.substr(0, slash);
        struct stat st {};
        if (::stat(folder.c_str(), &st) != 0) return "cannot look at " + folder + ": " + std::strerror(errno);
        if (st.st_mode & S_IXOTH) continue;
        char mode[8];
        std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(st.st_mode & 07777));
        return "tests run under uids of their own and cannot enter " + folder + " (mode " + mode +
               "): chmod o+x " + folder;
    }
    return {};
}

RunFolder::RunFolder(std::string runsDir) : _runsDir(std::move(runsDir)) {}

UniqueFd RunFolder::openAttempt(const std::string& runId, int attempt) const {
    auto uuid = parseUuid(runId);
    if (!uuid || *uuid != runId || attempt < 1) return {};
    UniqueFd runs(::open(_runsDir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!runs) throw std::system_error(errno, std::generic_category(), "cannot open " + _runsDir);
    UniqueFd folder = openBeneath(runs.get(), runId + "/" + attemptFolder(attempt), O_RDONLY | O_DIRECTORY);
    if (!folder && errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
        throw std::system_error(errno, std::generic_category(), "cannot open the folder of run " + runId);
    return folder;
}

std::optional<RunFiles::LogSlice> RunFolder::readLog(const std::string& runId, int attempt, int test,
                                                     std::int64_t offset, std::size_t maxBytes) {
    UniqueFd folder = openAttempt(runId, attempt);
    if (!folder || test < 0) return std::nullopt;
    UniqueFd log = openBeneath(folder.get(), "test-" + std::to_string(test) + ".log",
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!log && errno == ENOENT) return LogSlice{}; // the test wrote nothing
    struct stat st {};
    if (!log || ::fstat(log.get(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
    LogSlice slice{{}, static_cast<std::int64_t>(st.st_size)};
    if (offset < 0 || offset >= slice.totalBytes) return slice;
    slice.text.resize(static_cast<std::size_t>(std::min<std::int64_t>(
        slice.totalBytes - offset, static_cast<std::int64_t>(std::min<std::size_t>(maxBytes, 1u << 30)))));
    std::size_t have = 0;
    while (have < slice.text.size()) {
        ssize_t n = ::pread(log.get(), slice.text.data() + have, slice.text.size() - have,
                            static_cast<off_t>(offset) + static_cast<off_t>(have));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            throw std::system_error(errno, std::generic_category(), "cannot read the log of run " + runId);
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
    }
    slice.text.resize(have);
    return slice;
}

std::vector<RunFiles::JournalEntry> RunFolder::readJournal(const std::string& runId, int attempt,
                                                           const std::string& afterId, std::size_t maxBytes) {
    UniqueFd folder = openAttempt(runId, attempt);
    if (!folder) return {};
    return readEntries(folder.get(), attempt, offsetAfter(afterId, attempt), maxBytes);
}

std::vector<RunFiles::Artifact> RunFolder::listArtifacts(const std::string& runId, int attempt) {
    std::vector<Artifact> artifacts;
    UniqueFd folder = openAttempt(runId, attempt);
    if (!folder) return artifacts;
    if (UniqueFd root = openBeneath(folder.get(), "artifacts", O_RDONLY | O_DIRECTORY))
        collect(root.get(), "", 0, artifacts);
    std::sort(artifacts.begin(), artifacts.end(),
              [](const Artifact& a, const Artifact& b) { return a.path < b.path; });
    return artifacts;
}

int RunFolder::openArtifact(const std::string& runId, int attempt, const std::string& path) {
    UniqueFd folder = openAttempt(runId, attempt);
    if (!folder || path.empty() || path.size() > 4096) return -1;
    UniqueFd root = openBeneath(folder.get(), "artifacts", O_RDONLY | O_DIRECTORY);
    if (!root) return -1;
    UniqueFd file = openBeneath(root.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode)) return -1;
    return file.release();
}

void RunFolder::remove(const std::string& runId) {
    auto uuid = parseUuid(runId);
    if (!uuid || *uuid != runId) return;
    UniqueFd runs(::open(_runsDir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!runs) throw std::system_error(errno, std::generic_category(), "cannot open " + _runsDir);
    if (!removeTree(runs.get(), runId))
        throw std::system_error(errno, std::generic_category(),
                                "cannot remove all of the folder of run " + runId);
}

std::vector<std::string> RunFolder::listRuns() {
    UniqueFd runs(::open(_runsDir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!runs) throw std::system_error(errno, std::generic_category(), "cannot open " + _runsDir);
    std::vector<std::string> ids = namesIn(runs.get());
    std::erase_if(ids, [](const std::string& name) { return parseUuid(name) != name; }); // spare-UID, uUID, …
    return ids;
}

bool RunFolder::tryDiscard(const std::string& runId) {
    UniqueFd runs(::open(_runsDir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    UniqueFd run = runs ? openBeneath(runs.get(), runId, O_RDONLY | O_DIRECTORY) : UniqueFd();
    struct stat st {};
    if (!run || ::fstat(run.get(), &st) != 0) return false;
    constexpr std::string_view attempt = "attempt-";
    for (const std::string& name : namesIn(run.get())) {
        const auto number = name.starts_with(attempt)
                                ? parseInteger(std::string_view(name).substr(attempt.size()))
                                : std::nullopt;
        if (!number) continue;
        const AttemptFolder folder(_runsDir, runId, static_cast<int>(*number));
        const auto leader = folder.identity();
        if (!leader || leader->bootId != bootId() || !isAlive(leader->pid, leader->startTicks)) continue;
        // Nobody listens where a daemon follows, and that one ends it.
        if (UniqueFd control = folder.connect()) sendPacket(control.get(), {{"op", "cancel"}});
        return false;
    }
    const std::time_t age = std::time(nullptr) - st.st_mtime; // it changes when an attempt begins
    if (age >= 0 && age < kBirthSeconds) return false;
    remove(runId);
    return true;
}

} // namespace usher
