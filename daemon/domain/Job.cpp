#include "domain/Job.h"

#include "base/Json.h"

namespace usher {

std::string_view toText(OnLost value) {
    return value == OnLost::rerun ? "rerun" : "fail";
}

std::string_view toText(OnBusy value) {
    switch (value) {
    case OnBusy::coalesce:
        return "coalesce";
    case OnBusy::refuse:
        return "refuse";
    case OnBusy::queue:
        break;
    }
    return "queue";
}

std::optional<OnLost> onLostFrom(std::string_view text) {
    if (text == "fail") return OnLost::fail;
    if (text == "rerun") return OnLost::rerun;
    return std::nullopt;
}

std::optional<OnBusy> onBusyFrom(std::string_view text) {
    if (text == "queue") return OnBusy::queue;
    if (text == "coalesce") return OnBusy::coalesce;
    if (text == "refuse") return OnBusy::refuse;
    return std::nullopt;
}

std::string parametersToJson(const std::vector<Parameter>& parameters) {
    Json list = Json::array();
    for (const Parameter& p : parameters) {
        Json one = {{"name", p.name}, {"required", p.required}};
        if (p.defaultValue) one["default"] = *p.defaultValue;
        if (p.pattern) one["pattern"] = *p.pattern;
        list.push_back(std::move(one));
    }
    return toText(list);
}

std::vector<Parameter> parametersFromJson(std::string_view json) {
    std::vector<Parameter> parameters;
    if (json.empty() || json == "[]" || json == "null") return parameters;
    auto parsed = parseJson(json);
    const Json* list = std::get_if<Json>(&parsed);
    if (!list || !list->is_array())
        throw std::runtime_error("the column jobs.parameters is not a JSON array");
    for (const Json& one : *list) {
        Parameter p;
        p.name = one.at("name").get<std::string>();
        p.required = one.value("required", false);
        if (one.contains("default") && one["default"].is_string())
            p.defaultValue = one["default"].get<std::string>();
        if (one.contains("pattern") && one["pattern"].is_string())
            p.pattern = one["pattern"].get<std::string>();
        parameters.push_back(std::move(p));
    }
    return parameters;
}

} // namespace usher
