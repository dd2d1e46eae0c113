#pragma once

#include "base/IniFile.h"
#include "base/Json.h"
#include "domain/Run.h"

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace usher {

/// How tests of one type are started.
struct Interpreter {
    std::vector<std::string> command; ///< words; {script}, {artifacts} and {results} are replaced
    Environment environment;          ///< added to the test's, same replacements
    std::string extension;            ///< of the script file, with its dot
    bool tap = false;                 ///< its output is TAP, to be read into cases
};

/// Section [exec] of usherd.conf, as launcher and leader understand it: what the operator decides about
/// running tests. Root owns the file; nothing in it can be chosen by a job.
struct ExecConfig {
    std::string runsDir; ///< <state_dir>/runs
    std::string sandbox = "basic";
    uid_t firstUid = 59000;
    uid_t lastUid = 59999;
    std::int64_t outputCapBytes = 16 << 20;          ///< kept of each test's output
    int cancelGraceSeconds = 10;                     ///< between TERM and KILL
    std::int64_t memoryLimitBytes = 4ll << 30;       ///< of a test; without cgroup, of a process; 0: none
    std::int64_t fileLimitBytes = 4ll << 30;         ///< the largest file that a test may write
    std::int64_t artifactCapBytes = 256 << 20;       ///< kept of one run
    int artifactCapFiles = 1000;                     ///< kept of one run
    std::vector<std::string> execAllow;              ///< programs that tests of type exec may name
    std::map<std::string, Interpreter> interpreters; ///< by type
};

/// The defaults with what the file says. Wrong values are added to `problems`, with file and line.
ExecConfig execConfigFrom(const IniFile& file, std::vector<std::string>& problems);
/// browser, api, custom and database are playwright, performance is k6, unless configured by name. Null:
/// unknown.
const Interpreter* findInterpreter(const ExecConfig& config, const std::string& type);

Json toJson(const ExecConfig& config);
/// Throws std::runtime_error.
ExecConfig execConfigFrom(const Json& json);

} // namespace usher
