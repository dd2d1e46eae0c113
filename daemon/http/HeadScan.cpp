#include "http/HeadScan.h"

#include <utility>

namespace usher {
namespace {
constexpr std::size_t longestMethod = 32;
} // namespace

HeadScan::State HeadScan::refuse(const FramingFault& refusal) {
    _refusal = refusal;
    return State::Refused;
}

HeadScan::State HeadScan::scan(std::string_view bytes) {
    for (; _position < bytes.size(); ++_position) {
        const char c = bytes[_position];
        if (_afterCr) {
            if (c != '\n') return refuse(badRequest("A line of the head has a CR without LF."));
            _afterCr = false;
            if (auto refusal = endLine(bytes)) return refuse(*refusal);
            const bool blank = _position - 1 == _lineBegin;
            _lineBegin = _position + 1;
            if (!blank) continue;
            if (_line > 0) {
                ++_position;
                if (_position - _begin > _limits.maxHead) return refuse(headersTooLarge());
                return State::Complete;
            }
            _begin = _position + 1; // the one empty line in front of a request
            continue;
        }
        if (c == '\r') {
            _afterCr = true;
            continue;
        }
        if (c == '\n') return refuse(badRequest("A line of the head ends in LF without CR."));
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t') || byte == 0x7f)
            return refuse(badRequest("The head has a control character."));
        const std::size_t column = _position - _lineBegin;
        if (column == 0 && (c == ' ' || c == '\t'))
            return refuse(badRequest("A line of the head begins with a space."));
        if (_line == 0) {
            // The first bytes tell what is not HTTP at all, before a head's worth of it is stored.
            if (!_methodRead) {
                _methodRead = c == ' ';
                if (!_methodRead && (!isToken(bytes.substr(_position, 1)) || column == longestMethod))
                    return refuse(badRequest("The request line does not begin with a method."));
            }
            if (column > longestMethod + 1 + _limits.maxTarget + 9) return refuse(uriTooLong());
        }
        if (_position - _begin >= _limits.maxHead) return refuse(headersTooLarge());
    }
    if (_position - _begin > _limits.maxHead) return refuse(headersTooLarge());
    return State::Incomplete;
}

std::optional<FramingFault> HeadScan::endLine(std::string_view bytes) {
    const std::string_view line = bytes.substr(_lineBegin, _position - 1 - _lineBegin);
    if (line.empty()) {
        if (_line > 0) return std::nullopt;
        // One empty line is left over by old clients behind a body (RFC 9112 section 2.2); more is not HTTP.
        if (std::exchange(_emptyLineSeen, true))
            return badRequest("More than one empty line before the request.");
        return std::nullopt;
    }
    if (_line == 0) {
        if (auto refusal = checkRequestLine(line, _limits)) return refusal;
    } else if (_line > _limits.maxFields) {
        return headersTooLarge();
    }
    ++_line;
    return std::nullopt;
}

} // namespace usher
