#include "common/OpenApi.h"

namespace usher::plugin::openapi {

namespace {

Json content(const Json& body) {
    Json out = Json::object();
    out["application/json"]["schema"] = body;
    return out;
}

Json errorBody() {
    Json detail = Json::object(), properties = Json::object();
    for (const char* name : {"field", "message"}) detail[name] = schema("string");
    for (const char* name : {"error", "message", "code", "requestId"}) properties[name] = schema("string");
    properties["details"] = arrayOf(object(detail));
    return object(properties, {"details"});
}

} // namespace

Json schema(const char* type) {
    return {{"type", type}};
}

Json orNull(Json schema) {
    schema["type"] = Json::array({schema["type"], "null"});
    return schema;
}

Json text(std::size_t minLength, std::size_t maxLength) {
    return {{"type", "string"}, {"minLength", minLength}, {"maxLength", maxLength}};
}

Json integer(std::int64_t least, std::int64_t most) {
    return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}

Json time() {
    return {{"type", "string"}, {"format", "date-time"}};
}

Json arrayOf(const Json& item) {
    Json out = schema("array");
    out["items"] = item;
    return out;
}

Json object(const Json& properties, std::initializer_list<const char*> optional) {
    Json required = Json::array();
    for (const auto& property : properties.items()) {
        bool needed = true;
        for (const char* name : optional) needed = needed && property.key() != name;
        if (needed) required.push_back(property.key());
    }
    Json out = schema("object");
    out["properties"] = properties;
    out["additionalProperties"] = false;
    if (!required.empty()) out["required"] = required;
    return out;
}

Json with(Json properties, const char* name, const Json& property) {
    properties[name] = property;
    return properties;
}

Json success() {
    Json out = Json::object();
    out["success"] = {{"const", true}};
    return out;
}

Operation::Operation(const char* id, const char* summary) {
    out["operationId"] = id;
    out["summary"] = summary;
    out["responses"] = Json::object();
    refuses({"403", "503"});
}

Operation& Operation::answers(const char* status, const char* description, const Json& body) {
    Json response = Json::object();
    response["description"] = description;
    response["content"] = content(body);
    out["responses"][status] = response;
    return *this;
}

Operation& Operation::refuses(std::initializer_list<const char*> statuses) {
    for (const char* status : statuses) answers(status, "Refused; see code", errorBody());
    return *this;
}

Operation& Operation::takes(const Json& body, bool required) {
    out["requestBody"]["required"] = required;
    out["requestBody"]["content"] = content(body);
    return refuses({"413", "415"});
}

Operation& Operation::parameter(const char* name, std::string_view where, const Json& kind) {
    Json parameter{{"name", name}, {"in", where}, {"required", where == "path"}};
    parameter["schema"] = kind;
    out["parameters"].push_back(parameter);
    return *this;
}

} // namespace usher::plugin::openapi
