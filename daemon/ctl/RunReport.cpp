#include "ctl/RunReport.h"

#include "base/Text.h"
#include "ctl/Amounts.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

constexpr std::size_t kMostFailing = 20; ///< told in full
constexpr std::size_t kMostLines = 30;   ///< of what one case said

std::string durationOf(const Json& json) {
    return memberOf(json, "durationMs").is_number() ? showDuration(numberOf(json, "durationMs")) : "-";
}

bool isFailing(const Json& one) {
    const std::string status = textOf(one, "status");
    return status != "passed" && status != "skipped";
}

/// What a case said, its lines indented: the details where it has them, else the message.
std::string wordsOf(const Json& one) {
    const std::string said = textOf(one, "details").empty() ? textOf(one, "message") : textOf(one, "details");
    std::string text;
    std::size_t shown = 0;
    for (const std::string& line : split(said, '\n')) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        if (shown++ == kMostLines) return text + "      …\n";
        text += "      " + harmless(line) + "\n";
    }
    return text;
}

std::string describeCases(const Json& test, Cases which) {
    const Json& cases = memberOf(test, "cases");
    if (!cases.is_array() || cases.empty()) return {};
    std::size_t passed = 0, skipped = 0, failing = 0;
    for (const Json& one : cases) {
        passed += textOf(one, "status") == "passed";
        skipped += textOf(one, "status") == "skipped";
        failing += isFailing(one);
    }
    if (which == Cases::failing && failing == 0) return {};
    std::string text = "cases of test " + std::to_string(numberOf(test, "position")) + ", " +
                       harmless(textOf(test, "title")) + ": " + std::to_string(passed) + " passed, " +
                       std::to_string(failing) + " failed" +
                       (skipped ? ", " + std::to_string(skipped) + " skipped" : "") + "\n";
    std::size_t told = 0;
    for (const Json& one : cases) {
        if (which == Cases::failing && !isFailing(one)) continue;
        if (which == Cases::failing && told++ == kMostFailing)
            return text + "  … and " + std::to_string(failing - kMostFailing) + " more: usherctl run show\n";
        text += "  " + harmless(textOf(one, "status")) + "  " + harmless(textOf(one, "name")) + "  " +
                durationOf(one) + "\n";
        if (isFailing(one)) text += wordsOf(one);
    }
    return text;
}

} // namespace

std::string describeRun(const Json& run, Cases cases) {
    std::string text;
    Table table({"TEST", "TITLE", "TYPE", "VERDICT", "TIME", "EXIT"});
    for (const Json& test : memberOf(run, "tests")) {
        std::string exit = "-";
        if (memberOf(test, "signal").is_number()) exit = "signal " + std::to_string(numberOf(test, "signal"));
        if (memberOf(test, "exitCode").is_number()) exit = std::to_string(numberOf(test, "exitCode"));
        table.add(
            {std::to_string(numberOf(test, "position")), textOf(test, "title"), textOf(test, "type"),
             textOf(test, "status"),
             memberOf(test, "durationMs").is_number() ? showDuration(numberOf(test, "durationMs")) : "-",
             exit});
    }
    if (!table.empty()) text += table.text();
    for (const Json& test : memberOf(run, "tests"))
        if (!textOf(test, "errorDetails").empty())
            text += "test " + std::to_string(numberOf(test, "position")) + ": " +
                    harmless(textOf(test, "errorDetails")) + "\n";
    for (const Json& test : memberOf(run, "tests")) text += describeCases(test, cases);
    text += "run " + harmless(textOf(run, "id")) + " of " + harmless(textOf(run, "jobName")) + ": " +
            harmless(textOf(run, "status"));
    if (memberOf(run, "durationMs").is_number()) text += " in " + showDuration(numberOf(run, "durationMs"));
    if (!textOf(run, "errorDetails").empty()) text += " (" + harmless(textOf(run, "errorDetails")) + ")";
    return text + "\n";
}

std::string describeArtifacts(const Json& artifacts) {
    Table table({"ARTIFACT", "BYTES"});
    for (const Json& one : artifacts)
        table.add({textOf(one, "path"), std::to_string(numberOf(one, "bytes"))});
    return table.empty() ? std::string() : table.text();
}

} // namespace usher::ctl
