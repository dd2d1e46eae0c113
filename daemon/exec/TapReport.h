#pragma once

#include "exec/TestCase.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// Reads TAP (versions 12 to 14) out of a test's output as it comes: "ok 1 - name # SKIP why", "not ok …",
/// the plan, YAML blocks (message, duration_ms), diagnostics behind a failure, "Bail out!". Subtests
/// (indented) are their parent's business. Everything else is no TAP and is passed over, as the protocol
/// says. Every byte may be hostile: a line is looked at up to 4 KiB, the number of cases and all lengths are
/// bounded, and a stream that breaks its own word (wrong plan, wrong or missing numbers) gets a case of its
/// own that says so. Not synchronised.
class TapReport {
public:
    void feed(std::string_view bytes);
    /// The cases, once nothing more will come.
    std::vector<TestCase> finish();

private:
    void line(std::string_view text);
    bool yamlLine(std::string_view text);
    bool planLine(std::string_view text);
    bool pointLine(std::string_view text);
    void diagnostic(std::string_view text);
    void complain(const std::string& what);

    std::string _line;
    std::vector<TestCase> _cases;
    std::vector<std::string> _complaints;
    std::optional<std::size_t> _planned;
    std::size_t _points = 0; ///< seen, kept or not
    std::size_t _bytes = 0;  ///< of all names and messages
    bool _seesYaml = false;
    bool _mayDescribe = false; ///< the last case failed: diagnostics are about it
    bool _bailed = false;
};

} // namespace usher
