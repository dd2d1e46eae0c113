#pragma once

#include "base/Json.h"

#include <string>
#include <vector>

namespace usher {

/// The OpenAPI 3.1 description of this very daemon: its own part (daemon/http/openapi.json, compiled in) and
/// the paths that each loaded plugin brings for its routes. Built before the listener starts, constant
/// afterwards.
class OpenApiDocument {
public:
    OpenApiDocument();

    /// `paths` is a JSON object as text; a path that is there already gets the operations it lacks. Empty
    /// text adds nothing.
    void addPaths(const std::string& paths);
    /// What the document and the route table do not have in common, one line each: a route that nobody
    /// described, an operation that nobody serves. `routes` as Router::listRoutes() says them.
    std::vector<std::string> differencesTo(const std::vector<std::string>& routes) const;
    std::string text() const { return toText(_document); }

private:
    Json _document;
};

} // namespace usher
