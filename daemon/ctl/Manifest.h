#pragma once

#include "base/Json.h"

#include <optional>
#include <string>
#include <vector>

namespace usher::ctl {

struct ScriptFile {
    std::string file; ///< relative to the folder
    std::string title;
    std::string type;
    std::string script;
};

/// A folder of scripts, read as a job: what its `usher.json` says, or every script in the order of their
/// names.
struct Manifest {
    std::string name;
    Json settings =
        Json::object(); ///< what goes to /api/jobs beside the name: description, timeoutSeconds, …
    std::vector<ScriptFile> tests;
};

/// Throws UsageError for a folder without scripts, an unknown member, a missing file, a file outside the
/// folder.
Manifest readManifest(const std::string& folder);

/// shell, python, node or playwright by the name's end; nothing for anything else.
std::optional<std::string> typeFromName(const std::string& file);

} // namespace usher::ctl
