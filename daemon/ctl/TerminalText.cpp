#include "ctl/TerminalText.h"

#include "base/Text.h"

#include <algorithm>
#include <cstdint>

namespace usher::ctl {

namespace {

void appendEscaped(std::string& out, unsigned char byte) {
    static const char digits[] = "0123456789abcdef";
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

/// How many bytes a character has that begins with this byte; 0: none does.
std::size_t lengthFromLead(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead < 0xE0) return 2;
    if (lead >= 0xE0 && lead < 0xF0) return 3;
    if (lead >= 0xF0 && lead < 0xF5) return 4;
    return 0;
}

std::uint32_t decode(std::string_view character) {
    unsigned char lead = static_cast<unsigned char>(character[0]);
    std::uint32_t point = character.size() == 1 ? lead : lead & (0xFFu >> (character.size() + 1));
    for (std::size_t i = 1; i < character.size(); ++i)
        point = point << 6 | (static_cast<unsigned char>(character[i]) & 0x3Fu);
    return point;
}

bool isDangerous(std::uint32_t point) {
    if (point < 0x20) return point != '\n' && point != '\t';
    if (point >= 0x7F && point < 0xA0) return true;      // DEL and the C1 controls
    if (point == 0x200E || point == 0x200F) return true; // direction marks
    if (point >= 0x2028 && point <= 0x202E) return true; // separators, embeddings, overrides
    return point >= 0x2066 && point <= 0x2069;           // isolates
}

} // namespace

std::string OutputFilter::feed(std::string_view piece) {
    if (_raw) return std::string(piece);
    std::string text = std::move(_held);
    _held.clear();
    text += piece;
    std::string out;
    out.reserve(text.size());
    std::size_t at = 0;
    while (at < text.size()) {
        if (text[at] == '\r') { // CR LF is a newline; a CR alone would let a line overwrite itself
            if (at + 1 == text.size()) break;
            if (text[at + 1] != '\n') appendEscaped(out, '\r');
            ++at;
            continue;
        }
        std::size_t length = lengthFromLead(static_cast<unsigned char>(text[at]));
        std::size_t there = std::min(length, text.size() - at);
        bool whole = length > 0;
        for (std::size_t i = 1; i < there; ++i)
            if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) whole = false;
        if (whole && there < length) break; // the rest comes with the next piece
        std::string_view character(text.data() + at, whole ? length : 1);
        if (whole && isUtf8(character) && !isDangerous(decode(character)))
            out += character;
        else
            for (char byte : character) appendEscaped(out, static_cast<unsigned char>(byte));
        at += character.size();
    }
    _held = text.substr(at);
    return out;
}

std::string OutputFilter::finish() {
    std::string out;
    for (char byte : _held) appendEscaped(out, static_cast<unsigned char>(byte));
    _held.clear();
    return out;
}

std::string harmless(std::string_view text) {
    OutputFilter filter(false);
    std::string line = filter.feed(text) + filter.finish();
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::replace(line.begin(), line.end(), '\t', ' ');
    return line;
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    std::vector<std::vector<std::string>> rows = _rows;
    for (auto& row : rows)
        for (std::size_t column = 0; column < row.size(); ++column) {
            row[column] = harmless(row[column]);
            if (column >= widths.size()) widths.push_back(0);
            widths[column] = std::max(widths[column], codePoints(row[column]));
        }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t column = 0; column < row.size(); ++column) {
            line += row[column];
            if (column + 1 < row.size())
                line += std::string(widths[column] - codePoints(row[column]) + 2, ' ');
        }
        while (!line.empty() && line.back() == ' ') line.pop_back();
        out += line + "\n";
    }
    return out;
}

} // namespace usher::ctl
