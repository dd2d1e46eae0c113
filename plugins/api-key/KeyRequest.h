#pragma once

#include "common/Json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace usher::apikey {

/// One objection to a body, for `details`.
struct FieldError {
    std::string field, message;
};

/// What a body says about a nullable setting: not mentioned, null, or a value.
template <class T>
struct Setting {
    bool given = false;
    std::optional<T> value;
};

struct RateLimit {
    std::int64_t max = 0, windowMs = 0;
};

/// The body of POST and PATCH, after validation.
struct KeyRequest {
    std::optional<std::string> name; ///< trimmed
    std::optional<bool> enabled;
    Setting<std::int64_t> expiresInSeconds;
    Setting<RateLimit> rateLimit;
    Setting<std::int64_t> remaining;
    Setting<std::string> allowedAddresses; ///< JSON text
    Setting<std::string> metadata;         ///< JSON text
};

enum class BodyOf { create, update };

/// Strict: unknown fields, wrong types, duplicate names, NUL and too much of anything are errors, all of them
/// at once.
std::vector<FieldError> readKeyRequest(std::string_view body, BodyOf kind, KeyRequest& out);
/// The body of a rotation, which may be empty.
std::vector<FieldError> readRotation(std::string_view body, std::int64_t& graceSeconds);
/// The body of a hardening, which may be empty; `cursor`: the nextCursor of the answer before.
std::vector<FieldError> readHardening(std::string_view body, std::string& cursor);

} // namespace usher::apikey
