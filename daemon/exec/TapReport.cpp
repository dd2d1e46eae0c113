#include "exec/TapReport.h"

#include "base/Text.h"

#include <algorithm>

namespace usher {

namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxBytes = 2u << 20;
constexpr std::size_t kMaxComplaints = 3;

bool takePrefix(std::string_view& text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) return false;
    text.remove_prefix(prefix.size());
    return true;
}

/// Digits at the start; nothing when there are none, or more than nine.
std::optional<std::size_t> takeNumber(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
    auto number = length > 0 && length <= 9 ? parseInteger(text.substr(0, length)) : std::nullopt;
    if (!number) return std::nullopt;
    text.remove_prefix(length);
    return static_cast<std::size_t>(*number);
}

/// The " # …" of a test point; "\#" is a plain character of the description.
std::size_t directiveAt(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == '#' && (i == 0 || text[i - 1] == ' '))
            return i;
    }
    return std::string_view::npos;
}

std::string unescaped(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '#' || text[i + 1] == '\\')) ++i;
        plain += text[i];
    }
    return plain;
}

std::string_view unquoted(std::string_view text) {
    text = trim(text);
    if (text.size() >= 2 && (text[0] == '\'' || text[0] == '"') && text.back() == text[0])
        text = text.substr(1, text.size() - 2);
    return text;
}

} // namespace

void TapReport::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        const std::size_t room = kMaxLine - std::min(kMaxLine, _line.size());
        _line.append(piece.substr(0, room));
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        if (!_line.empty() && _line.back() == '\r') _line.pop_back();
        line(_line);
        _line.clear();
    }
}

void TapReport::line(std::string_view text) {
    if (_bailed || yamlLine(text)) return;
    if (takePrefix(text, "Bail out!")) {
        _bailed = true;
        complain("bailed out" + (trim(text).empty() ? "" : ": " + std::string(trim(text))));
    } else if (!planLine(text) && !pointLine(text) && takePrefix(text, "#")) {
        diagnostic(trim(text));
    }
}

/// "  ---", lines, "  ...": what the point above says about itself.
bool TapReport::yamlLine(std::string_view text) {
    if (!_seesYaml) {
        if (_points == 0 || trim(text) != "---" || !takePrefix(text, "  ")) return false;
        return _seesYaml = true;
    }
    if (text.substr(0, 2) != "  ") { // not closed: strictly its end
        _seesYaml = false;
        return false;
    }
    if (trim(text) == "...") _seesYaml = false;
    if (_cases.empty() || _cases.size() < _points) return true; // of a case that is not kept
    std::string_view entry = trim(text);
    if (takePrefix(entry, "message:")) {
        const std::string message = plainText(unquoted(entry), TestCase::kMaxMessage);
        if (_cases.back().status != "passed" && !message.empty() && message != "|-" && message != "|") {
            _cases.back().message = message;
            _bytes += message.size();
            _mayDescribe = false;
        }
    } else if (takePrefix(entry, "duration_ms:")) {
        // Milliseconds with a fraction: seconds times a thousand.
        _cases.back().durationMs = (millisecondsOf(trim(entry)) + 500) / 1000;
    }
    return true;
}

bool TapReport::planLine(std::string_view text) {
    if (!takePrefix(text, "1..")) return false;
    auto count = takeNumber(text);
    text = trim(text);
    if (!count || (!text.empty() && text[0] != '#')) return false;
    if (_planned) complain("a second plan");
    if (!_planned) _planned = count;
    return true;
}

bool TapReport::pointLine(std::string_view text) {
    const bool good = !takePrefix(text, "not ok");
    if (good && !takePrefix(text, "ok")) return false;
    if (!text.empty() && text[0] != ' ') return false; // "okay"
    text = trim(text);
    std::string_view behind = text;
    auto number = takeNumber(behind);
    if (number && (behind.empty() || behind[0] == ' '))
        text = trim(behind);
    else
        number.reset();
    ++_points;
    if (number && *number != _points)
        complain("point " + std::to_string(_points) + " has the number " + std::to_string(*number));
    _mayDescribe = false;
    if (_cases.size() + 1 < _points || _cases.size() >= TestCase::kMaxCases || _bytes > kMaxBytes)
        return true;

    TestCase one;
    const std::size_t hash = directiveAt(text);
    std::string_view name = trim(text.substr(0, hash));
    std::string_view directive = hash == std::string_view::npos ? "" : trim(text.substr(hash + 1));
    if (takePrefix(name, "- ") || name == "-") name = name == "-" ? "" : trim(name);
    one.name = plainText(unescaped(name), TestCase::kMaxName);
    if (one.name.empty()) one.name = std::to_string(_points);
    one.status = good ? "passed" : "failed";
    const std::string word = toLower(directive.substr(0, 4));
    if (word == "skip" || (word == "todo" && !good)) {
        one.status = "skipped";
        one.message = plainText(directive, TestCase::kMaxMessage);
    } else if (std::string_view time = directive; takePrefix(time, "time=")) {
        const bool milli = time.size() > 2 && time.substr(time.size() - 2) == "ms";
        if (milli)
            time.remove_suffix(2);
        else if (!time.empty() && time.back() == 's')
            time.remove_suffix(1);
        one.durationMs = milli ? (millisecondsOf(time) + 500) / 1000 : millisecondsOf(time);
    }
    _mayDescribe = one.status == "failed";
    _bytes += one.name.size() + one.message.size();
    _cases.push_back(std::move(one));
    return true;
}

void TapReport::diagnostic(std::string_view text) {
    if (!_mayDescribe || text.empty()) return;
    std::string& message = _cases.back().message;
    if (message.size() >= TestCase::kMaxMessage) return;
    if (!message.empty()) message += '\n';
    message = plainText(message.append(text), TestCase::kMaxMessage);
    _bytes += text.size();
}

void TapReport::complain(const std::string& what) {
    if (_complaints.size() < kMaxComplaints) _complaints.push_back(plainText(what, TestCase::kMaxMessage));
    _mayDescribe = false;
}

std::vector<TestCase> TapReport::finish() {
    if (!_line.empty()) line(_line);
    _line.clear();
    if (_points > _cases.size())
        complain("only the first " + std::to_string(_cases.size()) + " of " + std::to_string(_points) +
                 " cases are kept");
    if (_planned && *_planned != _points && !_bailed)
        complain(std::to_string(*_planned) + " cases were planned, " + std::to_string(_points) + " came");
    else if (!_planned && _points > 0 && !_bailed)
        complain("there is no plan: cases may be missing");
    for (const std::string& complaint : _complaints) _cases.push_back({"TAP", "error", 0, complaint, ""});
    return std::move(_cases);
}

} // namespace usher
