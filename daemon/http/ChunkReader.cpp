#include "http/ChunkReader.h"

#include "base/Text.h"

#include <algorithm>

namespace usher {
namespace {

constexpr std::size_t maxExtra = 8u << 10;
constexpr std::size_t maxSizeDigits = 16;

int hexValue(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void skipSpace(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

bool takeToken(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && isToken(text.substr(length, 1))) ++length;
    text.remove_prefix(length);
    return length > 0;
}

bool isText(char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

bool takeQuoted(std::string_view& text) {
    text.remove_prefix(1);
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '"') return true;
        if (!isText(c)) return false;
        if (c == '\\') {
            if (text.empty() || !isText(text.front())) return false;
            text.remove_prefix(1);
        }
    }
    return false; // the line ended inside the string: a laxer reader would look for its end in the data
}

/// *( ";" BWS name [ BWS "=" BWS value ] ), where BWS may not be the last thing on the line.
bool areExtensions(std::string_view text) {
    while (!text.empty()) {
        if (text.front() != ';') return false;
        text.remove_prefix(1);
        skipSpace(text);
        if (!takeToken(text)) return false;
        const std::string_view before = text;
        skipSpace(text);
        if (text.empty()) return before.empty();
        if (text.front() != '=') continue;
        text.remove_prefix(1);
        skipSpace(text);
        if (text.empty()) return false;
        if (!(text.front() == '"' ? takeQuoted(text) : takeToken(text))) return false;
    }
    return true;
}

} // namespace

std::optional<std::uint64_t> readChunkLine(std::string_view line) {
    std::uint64_t size = 0;
    std::size_t digits = 0;
    for (; digits < line.size() && hexValue(line[digits]) >= 0; ++digits) {
        if (digits == maxSizeDigits) return std::nullopt;
        size = size << 4 | static_cast<std::uint64_t>(hexValue(line[digits]));
    }
    if (digits == 0 || !areExtensions(line.substr(digits))) return std::nullopt;
    return size;
}

bool isTrailer(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !isToken(line.substr(0, colon))) return false;
    const std::string_view value = line.substr(colon + 1);
    if (!std::all_of(value.begin(), value.end(), isText)) return false;
    // RFC 9110 section 6.5.1: what frames, routes, authorizes or describes the body may not come behind it.
    for (const std::string_view forbidden :
         {"transfer-encoding", "content-length", "host", "authorization", "x-api-key", "content-encoding",
          "content-type", "content-range", "trailer", "te", "connection", "expect", "cookie",
          "idempotency-key", "upgrade", "origin", "proxy-authorization", "forwarded", "x-forwarded-for"})
        if (equalsIgnoreCase(line.substr(0, colon), forbidden)) return false;
    return true;
}

ChunkReader::State ChunkReader::refuse(const FramingFault& refusal) {
    _refusal = refusal;
    return State::Refused;
}

ChunkReader::State ChunkReader::read(std::string_view& input, std::string& body) {
    while (!input.empty()) {
        if (_stage == Stage::Data) {
            const std::size_t take = std::min<std::uint64_t>(_left, input.size());
            body.append(input.substr(0, take));
            input.remove_prefix(take);
            _left -= take;
            if (_left == 0) _stage = Stage::DataEnd;
            continue;
        }
        const char c = input.front();
        input.remove_prefix(1);
        if (_afterCr) {
            if (c != '\n') return refuse(badRequest("A line of the chunked body has a CR without LF."));
            _afterCr = false;
            if (auto refusal = endLine()) return refuse(*refusal);
            if (_ended) return State::Complete;
            continue;
        }
        if (c == '\r') {
            _afterCr = true;
            continue;
        }
        if (!isText(c))
            return refuse(badRequest("A line of the chunked body has a bare LF or a control character."));
        // What can be seen to be wrong is refused at once; the sender may not send the end of the line.
        if (_stage == Stage::DataEnd) return refuse(badRequest("A chunk is longer than its size."));
        if (_stage == Stage::Size && hexValue(c) < 0 &&
            (_line.empty() || (c != ';' && _line.find(';') == _line.npos)))
            return refuse(badRequest("A chunk size is not a plain hexadecimal number."));
        if (_stage == Stage::Trailer && _line.empty() && (c == ' ' || c == '\t'))
            return refuse(badRequest("A trailer line begins with a space."));
        _line += c;
        if (_extra + _line.size() > maxExtra + maxSizeDigits)
            return refuse(badRequest("The chunk extensions or trailers are too long."));
    }
    return State::Incomplete;
}

std::optional<FramingFault> ChunkReader::endLine() {
    const std::string line = std::exchange(_line, {});
    switch (_stage) {
    case Stage::Data:
        break;
    case Stage::DataEnd:
        _stage = Stage::Size;
        break;
    case Stage::Size: {
        const auto size = readChunkLine(line);
        if (!size) return badRequest("A chunk line is malformed.");
        _extra += line.size() - std::min(line.size(), line.find(';'));
        if (*size > _maxBytes) return payloadTooLarge();
        _maxBytes -= *size;
        _left = *size;
        _stage = *size == 0 ? Stage::Trailer : Stage::Data;
        break;
    }
    case Stage::Trailer:
        if (line.empty()) {
            _ended = true;
            break;
        }
        if (!isTrailer(line)) return badRequest("A trailer is malformed or not allowed.");
        _extra += line.size();
        break;
    }
    return std::nullopt;
}

} // namespace usher
