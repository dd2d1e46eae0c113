#pragma once

#include "common/Json.h"

#include <cstdint>
#include <initializer_list>
#include <string_view>

/// The few shapes that come back in every operation that a plugin describes: JSON schemas and an operation
/// around them. The result is self-contained: nothing in it refers to the daemon's part of the document.
/// Pure functions. [any-thread]
namespace usher::plugin::openapi {

Json schema(const char* type);
/// The same, or null. `schema` has one type.
Json orNull(Json schema);
Json text(std::size_t minLength, std::size_t maxLength);
Json integer(std::int64_t least, std::int64_t most);
Json time();
Json arrayOf(const Json& item);
/// Every property is required but those in `optional`; nothing else may stand there.
Json object(const Json& properties, std::initializer_list<const char*> optional = {});
/// `properties` and one more.
Json with(Json properties, const char* name, const Json& property);
/// The properties of an answer that says success, and nothing else yet.
Json success();

/// One operation, built call by call; `out` is the result.
struct Operation {
    Json out = Json::object();

    Operation(const char* id, const char* summary);
    Operation& answers(const char* status, const char* description, const Json& body);
    /// With the body that every refusal has.
    Operation& refuses(std::initializer_list<const char*> statuses);
    /// A body, and the refusals that come with one: 413 and 415.
    Operation& takes(const Json& body, bool required = true);
    /// `where`: "path" or "query"; those of the path are required.
    Operation& parameter(const char* name, std::string_view where, const Json& kind);
};

} // namespace usher::plugin::openapi
