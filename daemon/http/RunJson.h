#pragma once

#include "base/Json.h"
#include "domain/Job.h"
#include "domain/Run.h"

#include <vector>

namespace usher {

/// How the API shows things: camelCase keys, times as text, null for "not yet".
Json toJson(const Job& job);
Json toJson(const Test& test, bool withScript = true);
Json toJson(const Run& run, bool whole = true);

} // namespace usher
