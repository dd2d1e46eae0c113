#include "exec/CgroupTree.h"

#include "base/Text.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace usher {

namespace {

constexpr const char* kRun = "run-";
constexpr std::array kControllers = {"memory", "pids", "cpu"};

bool isRun(const Cgroup& group) {
    return group.name().compare(0, std::strlen(kRun), kRun) == 0;
}

/// The unit's group, of a process in it or in one of the leaves that service managers start processes in.
Cgroup unitOf(const Cgroup& own) {
    const std::string name = own.name();
    if (name != "launcher" && name != ".control") return own;
    return Cgroup(own.path().substr(0, own.path().rfind('/')));
}

/// cpu is for fairness only: a group without it is still held to its limits.
bool handDown(const Cgroup& group) {
    for (const char* controller : kControllers)
        if (group.offers(controller) && !group.hands(controller) &&
            !group.write("cgroup.subtree_control", std::string("+") + controller) &&
            std::string_view(controller) != "cpu")
            return false;
    return true;
}

bool takeBack(const Cgroup& group) {
    std::vector<const char*> handed;
    for (const char* controller : kControllers)
        if (group.hands(controller)) handed.push_back(controller);
    bool all = true;
    for (const char* controller : handed)
        all = group.write("cgroup.subtree_control", std::string("-") + controller) && all;
    return all;
}

std::vector<std::string> processesIn(const Cgroup& group) {
    std::vector<std::string> pids;
    for (std::string& line : split(group.read("cgroup.procs"), '\n'))
        if (!line.empty()) pids.push_back(std::move(line));
    return pids;
}

bool wasDelegated(const Cgroup& group) {
    char value = 0;
    return ::getxattr(group.path().c_str(), "user.delegate", &value, 1) == 1 && value == '1';
}

/// Everything in the unit's own group goes to leaves. Several looks: what is moved may be forking.
std::string moveOut(const Cgroup& unit) {
    const std::string self = std::to_string(::getpid());
    if (!unit.child("launcher").make() || !unit.child("launcher").write("cgroup.procs", self))
        return std::string("cannot move to ") + unit.child("launcher").path() + ": " + std::strerror(errno);
    for (int look = 0; look < 20; ++look) {
        const std::vector<std::string> others = processesIn(unit);
        if (others.empty() || others == std::vector{self}) return {};
        if (!unit.child("earlier").make()) break;
        for (const std::string& pid : others)
            if (pid != self) unit.child("earlier").write("cgroup.procs", pid);
    }
    return "other processes do not leave " + unit.path();
}

std::string whyNotOurs(const Cgroup& unit, uid_t owner) {
    for (const char* controller : {"memory", "pids"})
        if (!unit.offers(controller))
            return unit.path() + " has no controller " + controller + " (Delegate= of the service)";
    for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
        struct stat st {};
        const std::string path = unit.path() + file;
        if (::stat(path.c_str(), &st) != 0) return path + ": " + std::strerror(errno);
        if (st.st_uid != owner)
            return path + " belongs to user " + std::to_string(st.st_uid) + ", not to user " +
                   std::to_string(owner) + " (Delegate= and User= of the service)";
        if (::access(path.c_str(), W_OK) != 0) return path + ": " + std::strerror(errno);
    }
    const std::vector<std::string> inside = processesIn(unit);
    const std::string self = std::to_string(::getpid());
    for (const std::string& pid : inside)
        if (pid != self && !wasDelegated(unit)) return unit.path() + " is not ours alone: process " + pid;
    return {};
}

} // namespace

Cgroup CgroupTree::ownGroup(const std::string& mount, const std::string& self) {
    for (const std::string& line : split(self, '\n'))
        if (line.compare(0, 4, "0::/") == 0) {
            const std::string path = line.substr(3);
            Cgroup own(path == "/" ? mount : mount + path);
            if (!own.read("cgroup.controllers").empty()) return own;
        }
    return Cgroup();
}

CgroupTree CgroupTree::take(const std::string& mount, const std::string& self, uid_t owner) {
    CgroupTree tree;
    const Cgroup own = ownGroup(mount, self);
    if (!own) {
        tree._problem = "this machine has no cgroup v2 at " + mount + ", or no controllers for this process";
        return tree;
    }
    const Cgroup unit = unitOf(own);
    tree._problem = whyNotOurs(unit, owner);
    if (tree._problem.empty()) tree._problem = moveOut(unit);
    if (tree._problem.empty() && !handDown(unit))
        tree._problem = "cannot hand controllers down in " + unit.path() + ": " + std::strerror(errno);
    if (!tree._problem.empty()) return tree;
    // Starting the next test must not wait for those that compute.
    unit.child("launcher").write("cpu.weight", "1000");
    tree._unit = unit;
    return tree;
}

bool CgroupTree::release(const std::string& mount, const std::string& self) {
    const Cgroup own = ownGroup(mount, self);
    if (!own) return true;
    const Cgroup unit = unitOf(own);
    bool all = true;
    for (const Cgroup& below : unit.children())
        if (isRun(below)) all = takeBack(below) && all;
    return takeBack(unit) && all;
}

Cgroup CgroupTree::runOf(const std::string& runId, int attempt) const {
    return _unit ? _unit.child(kRun + runId + "-" + std::to_string(attempt)) : Cgroup();
}

Cgroup CgroupTree::makeRun(const std::string& runId, int attempt) const {
    const Cgroup run = runOf(runId, attempt);
    if (!run.make()) return Cgroup();
    if (run.child("leader").make() && handDown(run)) return run;
    const int error = errno;
    run.remove();
    errno = error;
    return Cgroup();
}

std::vector<Cgroup> CgroupTree::runs() const {
    std::vector<Cgroup> found;
    for (Cgroup& below : _unit.children())
        if (isRun(below)) found.push_back(std::move(below));
    return found;
}

void CgroupTree::adopt(const Cgroup& run, const CgroupLimits& limits) const {
    handDown(run);
    for (const Cgroup& below : run.children())
        if (below.name().compare(0, 5, "test-") == 0) below.limit(limits);
}

} // namespace usher
