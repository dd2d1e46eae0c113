#include "http/OpenApiDocument.h"

#include "base/Text.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace usher {

/// In a source file that CMake makes of openapi.json.
extern const char* const kOpenApiText;

namespace {

constexpr JsonLimits kLimits{.maxBytes = 4u << 20, .maxValues = 200'000};

/// The document knows no "{path...}": a parameter is a parameter.
std::string asDescribed(std::string route) {
    if (auto dots = route.find("...}"); dots != std::string::npos) route.erase(dots, 3);
    return route;
}

} // namespace

OpenApiDocument::OpenApiDocument() {
    auto parsed = parseJson(kOpenApiText, kLimits);
    if (!std::holds_alternative<Json>(parsed)) throw std::logic_error("daemon/http/openapi.json is no JSON");
    _document = std::move(std::get<Json>(parsed));
}

void OpenApiDocument::addPaths(const std::string& paths) {
    auto parsed = parseJson(paths.empty() ? "{}" : paths, kLimits);
    const Json* added = std::get_if<Json>(&parsed);
    if (!added || !added->is_object()) return;
    for (const auto& [path, operations] : added->items()) {
        if (!operations.is_object()) continue;
        Json& known = _document["paths"][path];
        for (const auto& [method, operation] : operations.items())
            if (!known.contains(method)) known[method] = operation;
    }
}

std::vector<std::string> OpenApiDocument::differencesTo(const std::vector<std::string>& routes) const {
    std::set<std::string> served, described;
    for (const std::string& route : routes) served.insert(asDescribed(route));
    for (const auto& [path, operations] : _document["paths"].items()) {
        for (const auto& [method, operation] : operations.items()) {
            std::string verb = method;
            std::transform(verb.begin(), verb.end(), verb.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
            if (verb != "PARAMETERS") described.insert(verb + " " + path);
        }
    }
    std::vector<std::string> lines;
    for (const std::string& route : served)
        if (!described.contains(route)) lines.push_back(route + " is served and not described");
    for (const std::string& route : described)
        if (!served.contains(route)) lines.push_back(route + " is described and not served");
    return lines;
}

} // namespace usher
