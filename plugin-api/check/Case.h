#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace usher::check {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// What the command line says.
struct Options {
    std::string file; ///< absolute
    Fields config;    ///< [plugins.NAME]; database.url and database.password become secrets instead
    Fields allow;     ///< header fields of a credential that must be let in; makes more tests possible
    Fields deny;      ///< header fields, each of a credential that must not be: expired, another job's
    std::string action = "job.trigger", job = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11";
    std::uint64_t seed = 1;
    std::string scratch; ///< a folder of this run alone
    std::string junit;   ///< file, or empty
};

/// A rule of the interface is broken. Thrown by a case's body; ends the case.
struct Broken : std::runtime_error {
    Broken(int rule, const std::string& what) : std::runtime_error(what), rule(rule) {}
    int rule;
};

/// The case cannot judge this plugin.
struct NotJudged : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// One test. Runs in a process of its own. When that process dies or does not end, `rule` is broken.
struct Case {
    std::string name;
    int rule; ///< of the interface's ten; see usher-plugin(7)
    int seconds;
    std::function<void(const Options&)> run;
};

std::vector<Case> loadCases();
std::vector<Case> lifeCases();
std::vector<Case> structCases();
std::vector<Case> answerCases();
std::vector<Case> credentialCases();
std::vector<Case> hygieneCases();

} // namespace usher::check
