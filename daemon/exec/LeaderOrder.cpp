#include "exec/LeaderOrder.h"

#include <stdexcept>

namespace usher {

Json toJson(const LeaderOrder& order) {
    return Json{
        {"run", order.runId}, {"attempt", order.attempt}, {"uids", order.uids}, {"cgroup", order.cgroup}};
}

LeaderOrder orderFromJson(const Json& json) {
    try {
        LeaderOrder order;
        order.runId = json.at("run");
        order.attempt = json.at("attempt");
        order.uids = json.at("uids").get<std::vector<uid_t>>();
        order.cgroup = json.at("cgroup");
        return order;
    } catch (const Json::exception&) {
        throw std::runtime_error("the launcher's order is not of this version");
    }
}

std::string titleOf(const LeaderOrder& order, const std::string& runsDir) {
    std::string uids;
    for (uid_t uid : order.uids) uids += (uids.empty() ? "" : ",") + std::to_string(uid);
    std::string title;
    for (const std::string& word : {order.runId, std::to_string(order.attempt), uids, runsDir})
        title.append(word).push_back('\0');
    return title;
}

std::size_t longestTitle(const std::string& runsDir) {
    constexpr std::size_t kRunAndAttempt = 64, kUid = 11;
    return kRunAndAttempt + kMostUsers * kUid + runsDir.size() + 1;
}

std::string describeSandbox(const ExecConfig& config, bool ownUid, bool network, bool cgroup) {
    if (config.sandbox == "none") return cgroup ? "none (cgroup v2: kill)" : "none";
    std::string parts = ownUid ? "uid, rlimits" : "rlimits";
    if (config.memoryLimitBytes > 0 && !cgroup) parts += ", memory sampled";
    if (config.sandbox == "strict")
        parts += network ? ", namespaces, seccomp" : ", namespaces, seccomp, no network";
    return config.sandbox + " (" + parts + "; " +
           (!cgroup                       ? "no cgroup)"
            : config.memoryLimitBytes > 0 ? "cgroup v2: memory, pids)"
                                          : "cgroup v2: pids)");
}

CgroupLimits cgroupLimits(const ExecConfig& config) {
    if (config.sandbox == "none") return {};
    return {config.memoryLimitBytes, kMostProcesses};
}

} // namespace usher
