#pragma once

#include <string>
#include <vector>

namespace usher::check {

enum class Ending { passed, failed, notJudged };

struct Result {
    std::string name;
    int rule = 0; ///< the broken one when it failed
    Ending ending = Ending::passed;
    std::string text;
    double seconds = 0;
};

/// One line on standard output.
void print(const Result& result);
/// False: the file cannot be written.
bool writeJUnit(const std::string& path, const std::string& plugin, const std::vector<Result>& results);

} // namespace usher::check
