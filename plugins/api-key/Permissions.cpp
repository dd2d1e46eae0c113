#include "Permissions.h"

#include "common/Json.h"

namespace usher::apikey {

namespace {

std::string_view nameOf(Verb verb) {
    switch (verb) {
    case Verb::trigger:
        return "trigger:";
    case Verb::read:
        return "read:";
    case Verb::cancel:
        return "cancel:";
    }
    return "";
}

bool lists(const plugin::Json& entries, const std::string& wanted) {
    if (!entries.is_array()) return false;
    bool found = false;
    for (const plugin::Json& entry : entries) {
        if (!entry.is_string()) return false; // half understood is not understood
        found = found || entry.get_ref<const std::string&>() == wanted;
    }
    return found;
}

} // namespace

bool permits(const std::optional<std::string>& permissions, const std::optional<std::string>& keyJob,
             Verb verb, std::string_view job) {
    if (job.empty() || (keyJob && *keyJob != job)) return false;
    if (!permissions) return keyJob && verb == Verb::trigger;
    const std::string wanted = std::string(nameOf(verb)).append(job);
    // The form that this plugin writes, without the cost of parsing it on every trigger.
    constexpr std::string_view before = R"({"jobs":[")", after = R"("]})";
    const std::string_view text = *permissions;
    if (text.size() == before.size() + wanted.size() + after.size() && text.starts_with(before) &&
        text.ends_with(after) && text.substr(before.size(), wanted.size()) == wanted)
        return true;
    const auto parsed = plugin::parseJson(text);
    const plugin::Json* json = std::get_if<plugin::Json>(&parsed);
    if (!json) return false;
    if (json->is_array()) return lists(*json, wanted);
    return json->is_object() && json->contains("jobs") && lists((*json)["jobs"], wanted);
}

} // namespace usher::apikey
