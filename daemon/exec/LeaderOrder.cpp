#include "exec/LeaderOrder.h"

#include <stdexcept>

namespace usher {

std::string toOrderJson(const LeaderOrder& order) {
    return toText(Json{{"runId", order.runId},
                       {"attempt", order.attempt},
                       {"profile", order.profile},
                       {"uids", order.uids},
                       {"cgroup", order.cgroup},
                       {"config", toJson(order.config)}});
}

LeaderOrder orderFromJson(std::string_view text) {
    auto parsed = parseJson(text, {.maxBytes = 16u << 20});
    const Json* json = std::get_if<Json>(&parsed);
    if (!json) throw std::runtime_error("the launcher's order is not JSON");
    try {
        LeaderOrder order;
        order.runId = json->at("runId");
        order.attempt = json->at("attempt");
        order.profile = json->at("profile");
        order.uids = json->at("uids").get<std::vector<uid_t>>();
        order.cgroup = json->value("cgroup", "");
        order.config = execConfigFrom(json->at("config"));
        return order;
    } catch (const Json::exception&) {
        throw std::runtime_error("the launcher's order is not of this version");
    }
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
