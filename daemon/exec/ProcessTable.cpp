#include "exec/ProcessTable.h"

#include "base/Text.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace usher {

namespace {

std::string procPath(pid_t pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

std::vector<pid_t> allProcesses() {
    std::vector<pid_t> pids;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc"), ::closedir);
    while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
        if (auto pid = parseInteger(entry->d_name); pid && *pid > 0) pids.push_back(static_cast<pid_t>(*pid));
    return pids;
}

/// The value after "Name:" in /proc/PID/status, with its tabs.
std::string_view field(std::string_view status, std::string_view name) {
    for (std::size_t at = 0; at < status.size();) {
        std::size_t end = std::min(status.find('\n', at), status.size());
        std::string_view line = status.substr(at, end - at);
        if (line.size() > name.size() && line.substr(0, name.size()) == name && line[name.size()] == ':')
            return trim(line.substr(name.size() + 1));
        at = end + 1;
    }
    return {};
}

std::vector<uid_t> uidsOf(std::string_view status) {
    std::vector<uid_t> uids;
    for (const std::string& part : split(field(status, "Uid"), '\t'))
        if (auto uid = parseInteger(trim(part))) uids.push_back(static_cast<uid_t>(*uid));
    return uids;
}

} // namespace

std::string bootId() {
    static const std::string id = [] {
        auto text = readFile("/proc/sys/kernel/random/boot_id", 128);
        return text ? std::string(trim(*text)) : std::string();
    }();
    return id;
}

std::optional<ProcessFacts> findProcess(pid_t pid) {
    auto text = readFile(procPath(pid, "stat"), 8192);
    if (!text) return std::nullopt;
    // The name in parentheses may hold anything, spaces and parentheses too: fields count from its end.
    std::size_t close = text->rfind(')');
    if (close == std::string::npos || close + 2 > text->size()) return std::nullopt;
    std::vector<std::string> fields = split(trim(std::string_view(*text).substr(close + 2)), ' ');
    if (fields.size() < 20) return std::nullopt;
    auto parent = parseInteger(fields[1]), start = parseInteger(fields[19]);
    if (!parent || !start) return std::nullopt;
    return ProcessFacts{static_cast<pid_t>(*parent), static_cast<std::uint64_t>(*start),
                        fields[0] == "Z" || fields[0] == "X"};
}

bool isAlive(pid_t pid, std::uint64_t startTicks) {
    if (pid <= 0) return false;
    auto facts = findProcess(pid);
    return facts && facts->startTicks == startTicks && !facts->dead;
}

std::vector<pid_t> childrenOf(pid_t pid) {
    std::vector<pid_t> children;
    bool read = false;
    // Each thread has its own: a child belongs to the one that forked it.
    const std::string tasks = procPath(pid, "task");
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(tasks.c_str()), ::closedir);
    while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        if (entry->d_name[0] == '.') continue;
        auto text = readFile(tasks + "/" + entry->d_name + "/children", 1u << 20);
        if (!text) continue;
        read = true;
        for (const std::string& part : split(*text, ' '))
            if (auto child = parseInteger(trim(part))) children.push_back(static_cast<pid_t>(*child));
    }
    if (read) return children;
    for (pid_t other : allProcesses()) // a kernel without CONFIG_PROC_CHILDREN, or a process that just went
        if (auto facts = findProcess(other); facts && facts->parent == pid) children.push_back(other);
    return children;
}

std::vector<pid_t> descendantsOf(pid_t pid) {
    std::vector<pid_t> all = childrenOf(pid);
    std::set<pid_t> seen(all.begin(), all.end());
    for (std::size_t i = 0; i < all.size() && all.size() < 100'000; ++i)
        for (pid_t child : childrenOf(all[i]))
            if (seen.insert(child).second) all.push_back(child);
    return all;
}

std::int64_t memoryOfDescendants(pid_t pid) {
    const std::int64_t page = ::sysconf(_SC_PAGESIZE);
    std::int64_t own = 0, common = 0;
    for (pid_t one : descendantsOf(pid)) {
        auto text = readFile(procPath(one, "statm"), 256);
        const std::vector<std::string> fields = split(text ? *text : std::string(), ' ');
        if (fields.size() < 3) continue;
        const std::int64_t resident = parseInteger(fields[1]).value_or(0),
                           shared = parseInteger(fields[2]).value_or(0);
        own += std::max<std::int64_t>(0, resident - shared);
        common = std::max(common, shared);
    }
    return (own + common) * page;
}

std::set<uid_t> uidsInUse(uid_t first, uid_t last) {
    std::set<uid_t> used;
    for (pid_t pid : allProcesses()) {
        auto status = readFile(procPath(pid, "status"), 16384);
        if (!status) continue;
        std::string_view state = field(*status, "State");
        if (!state.empty() && (state[0] == 'Z' || state[0] == 'X')) continue;
        for (uid_t uid : uidsOf(*status))
            if (uid >= first && uid <= last) used.insert(uid);
    }
    return used;
}

std::vector<FoundLeader> findLeaders(uid_t owner, const std::string& runsDir) {
    std::vector<FoundLeader> leaders;
    for (pid_t pid : allProcesses()) {
        auto status = readFile(procPath(pid, "status"), 16384);
        if (!status || field(*status, "Name") != "usher-leader") continue;
        std::vector<uid_t> uids = uidsOf(*status);
        // Real, effective, saved. The fourth, for files, is the test's while a leader makes its pipes:
        // overlooked in that moment, it would count as gone and its test be killed.
        if (uids.size() < 3 ||
            !std::all_of(uids.begin(), uids.begin() + 3, [&](uid_t uid) { return uid == owner; }))
            continue;
        auto commandLine = readFile(procPath(pid, "cmdline"), 16384);
        if (!commandLine) continue;
        // usher-leader RUN ATTEMPT UID,UID… RUNS; the last is missing from leaders of before an upgrade.
        std::vector<std::string> words = split(*commandLine, '\0');
        if (words.size() < 4) continue;
        if (words.size() > 4 && !words[4].empty() && words[4] != runsDir) continue; // another daemon's
        FoundLeader leader{pid, words[1], static_cast<int>(parseInteger(words[2]).value_or(0)), {}};
        for (const std::string& word : split(words[3], ','))
            if (auto uid = parseInteger(word)) leader.uids.push_back(static_cast<uid_t>(*uid));
        leaders.push_back(std::move(leader));
    }
    return leaders;
}

std::vector<pid_t> findOrphans(const std::string& runsDir, const std::vector<FoundLeader>& leaders) {
    const std::string mark = "USHER_ARTIFACTS=" + runsDir + "/";
    std::vector<pid_t> orphans;
    for (pid_t pid : allProcesses()) {
        auto environment = readFile(procPath(pid, "environ"), 4u << 20); // not readable: not of our user
        if (!environment || pid == ::getpid()) continue;
        std::size_t at = environment->compare(0, mark.size(), mark) == 0 ? 0 : environment->find('\0' + mark);
        if (at == std::string::npos) continue;
        std::string runId = environment->substr(environment->find(mark, at) + mark.size(), 36);
        bool led = std::any_of(leaders.begin(), leaders.end(),
                               [&](const FoundLeader& leader) { return leader.runId == runId; });
        if (!led) orphans.push_back(pid);
    }
    return orphans;
}

} // namespace usher
