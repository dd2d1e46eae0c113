#include "exec/LeaderOrder.h"

#include <stdexcept>

namespace usher {

std::string toOrderJson(const LeaderOrder& order) {
    return toText(Json{{"runId", order.runId},
                       {"attempt", order.attempt},
                       {"profile", order.profile},
                       {"uids", order.uids},
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
        order.config = execConfigFrom(json->at("config"));
        return order;
    } catch (const Json::exception&) {
        throw std::runtime_error("the launcher's order is not of this version");
    }
}

std::string describeSandbox(const ExecConfig& config, bool ownUid, bool network) {
    if (config.sandbox == "none") return "none";
    std::string parts = ownUid ? "uid, rlimits" : "rlimits";
    if (config.memoryLimitBytes > 0) parts += ", memory sampled";
    if (config.sandbox == "strict")
        parts += network ? ", namespaces, seccomp" : ", namespaces, seccomp, no network";
    return config.sandbox + " (" + parts + "; no cgroup)";
}

} // namespace usher
