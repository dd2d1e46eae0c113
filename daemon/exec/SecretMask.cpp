#include "exec/SecretMask.h"

#include <algorithm>

namespace usher {

namespace {

constexpr std::size_t kShortestLine = 8;
constexpr std::string_view kMark = "***";

} // namespace

SecretMask::SecretMask(const Environment& secrets) {
    for (const auto& [name, value] : secrets) {
        if (value.empty()) continue;
        _values.push_back(value);
        for (std::size_t at = 0; at <= value.size();) {
            const std::size_t end = std::min(value.find_first_of("\r\n", at), value.size());
            if (end - at >= kShortestLine) _values.push_back(value.substr(at, end - at));
            at = end + 1;
        }
    }
    std::sort(_values.begin(), _values.end(), [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() > b.size() : a < b;
    });
    _values.erase(std::unique(_values.begin(), _values.end()), _values.end());
    for (const std::string& value : _values) _first[static_cast<unsigned char>(value[0])] = true;
}

std::string SecretMask::feed(std::string_view bytes) {
    if (empty()) return std::string(bytes);
    _pending += bytes;
    return advance(_pending, false);
}

std::string SecretMask::finish() {
    return advance(_pending, true);
}

std::string SecretMask::masked(std::string_view text) const {
    std::string pending(text);
    return advance(pending, true);
}

std::string SecretMask::advance(std::string& pending, bool final) const {
    std::string out;
    std::size_t at = 0, shown = 0;
    const std::string_view text = pending;
    while (at < text.size()) {
        if (!_first[static_cast<unsigned char>(text[at])]) {
            ++at;
            continue;
        }
        const std::string_view rest = text.substr(at);
        const std::string* found = nullptr;
        bool mayCome = false;
        for (const std::string& value : _values) {
            if (rest.starts_with(value)) {
                found = &value;
                break;
            }
            // A longer one may still come; it goes before a shorter one that is there.
            if (!final && value.starts_with(rest)) mayCome = true;
        }
        if (mayCome) break;
        if (!found) {
            ++at;
            continue;
        }
        out += text.substr(shown, at - shown);
        out += kMark;
        at += found->size();
        shown = at;
    }
    out += text.substr(shown, at - shown);
    pending.erase(0, at);
    return out;
}

} // namespace usher
