#pragma once

#include "base/Clock.h"

#include <optional>
#include <string>
#include <vector>

namespace usher {

enum class OnLost { fail, rerun };
enum class OnBusy { queue, coalesce, refuse };

/// A value that a trigger may pass to the tests as an environment variable.
struct Parameter {
    std::string name; ///< [A-Z_][A-Z0-9_]{0,63}, and none of the names that the system itself uses
    bool required = false;
    std::optional<std::string> defaultValue;
    std::optional<std::string> pattern; ///< RE2, at most 256 characters, anchored at both ends
};

/// What a person sets; each field has the default that the API documents.
struct JobSettings {
    std::string name; ///< 1 to 255 characters
    std::string description;
    bool paused = false;
    int maxConcurrency = 1;
    int queueLimit = 1000;
    int timeoutSeconds = 3600; ///< of a whole run
    int retries = 0;
    OnLost onLost = OnLost::fail;
    int parallelism = 1;
    OnBusy onBusy = OnBusy::queue;
    int priority = 5;     ///< 0 to 9, larger is claimed first
    bool network = false; ///< profile strict only: may the tests reach the network
    std::vector<Parameter> parameters;
};

struct Job : JobSettings {
    std::string id;
    std::int64_t revision = 1; ///< counts up with every change of the job, its list or one of its tests
    std::optional<std::string> createdByUserId;
    std::optional<Micros> lastRunAt;
    Micros createdAt = 0;
    Micros updatedAt = 0;
    int testCount = 0;
};

struct TestSettings {
    std::string title; ///< 1 to 255 characters
    std::string description;
    std::string type;        ///< a key of the interpreter table: shell, python, node, playwright, …
    std::string script;      ///< never empty
    bool plainScript = true; ///< came in through our own API: never taken for base64
    int priority = 5;
};

struct Test : TestSettings {
    std::string id;
    Micros createdAt = 0;
    Micros updatedAt = 0;
};

std::string_view toText(OnLost value);
std::string_view toText(OnBusy value);
std::optional<OnLost> onLostFrom(std::string_view text);
std::optional<OnBusy> onBusyFrom(std::string_view text);

/// The column `parameters` and the API share one JSON form: [{"name", "required", "default", "pattern"}].
std::string parametersToJson(const std::vector<Parameter>& parameters);
/// Throws std::runtime_error when the text is not what parametersToJson() writes.
std::vector<Parameter> parametersFromJson(std::string_view json);

} // namespace usher
