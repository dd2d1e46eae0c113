#include "Report.h"

#include <cstdio>
#include <fstream>

namespace usher::check {

namespace {

/// For a terminal and for XML: no control characters, nothing that ends an attribute.
std::string clean(const std::string& text, bool xml) {
    std::string out;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || (xml && byte >= 0x80))
            out += ' ';
        else if (xml && c == '<')
            out += "&lt;";
        else if (xml && c == '&')
            out += "&amp;";
        else if (xml && c == '"')
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

} // namespace

void print(const Result& result) {
    const std::string rule = "rule " + std::to_string(result.rule);
    if (result.ending == Ending::passed)
        std::printf("ok    %-8s %s\n", rule.c_str(), result.name.c_str());
    else if (result.ending == Ending::notJudged)
        std::printf("skip  %-8s %s: %s\n", rule.c_str(), result.name.c_str(),
                    clean(result.text, false).c_str());
    else
        std::printf("FAIL  %-8s %s: %s\n", rule.c_str(), result.name.c_str(),
                    clean(result.text, false).c_str());
    std::fflush(stdout);
}

bool writeJUnit(const std::string& path, const std::string& plugin, const std::vector<Result>& results) {
    int failed = 0, skipped = 0;
    for (const Result& result : results) {
        failed += result.ending == Ending::failed;
        skipped += result.ending == Ending::notJudged;
    }
    std::ofstream file(path);
    file << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"usher-plugin-check "
         << clean(plugin, true) << "\" tests=\"" << results.size() << "\" failures=\"" << failed
         << "\" errors=\"0\" skipped=\"" << skipped << "\">\n";
    for (const Result& result : results) {
        file << "  <testcase classname=\"rule " << result.rule << "\" name=\"" << clean(result.name, true)
             << "\" time=\"" << result.seconds << "\"";
        if (result.ending == Ending::failed)
            file << "><failure message=\"rule " << result.rule << ": " << clean(result.text, true)
                 << "\"/></testcase>\n";
        else if (result.ending == Ending::notJudged)
            file << "><skipped message=\"" << clean(result.text, true) << "\"/></testcase>\n";
        else
            file << "/>\n";
    }
    file << "</testsuite>\n";
    return static_cast<bool>(file.flush());
}

} // namespace usher::check
