#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace usher::apikey {

enum class Verb { trigger, read, cancel };

/// May a key do this with this job? `permissions` is the row's JSON text: {"jobs": ["trigger:<job>"]},
/// ["trigger:<job>"], or NULL, which means triggering the key's own job. Exact match. A key with a job is
/// never good for another one. Anything else, invalid JSON too: no.
bool permits(const std::optional<std::string>& permissions, const std::optional<std::string>& keyJob,
             Verb verb, std::string_view job);

} // namespace usher::apikey
