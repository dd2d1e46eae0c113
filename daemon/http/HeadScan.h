#pragma once

#include "http/RequestRules.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace usher {

/// Finds the end of a head in bytes that arrive in any pieces, and refuses at the first byte that no head may
/// contain. Looks at each byte once.
class HeadScan {
public:
    enum class State { Incomplete, Complete, Refused };

    explicit HeadScan(const HeadLimits& limits = {}) : _limits(limits) {}

    /// `bytes` begins at the first byte of the request each time and may have grown since the last call.
    State scan(std::string_view bytes);
    /// False while nothing but the tolerated empty line has come.
    bool began() const { return _line > 0 || _position > _begin; }
    /// Where the request line begins: behind the tolerated empty line.
    std::size_t begin() const { return _begin; }
    /// Where the body begins. Only when Complete.
    std::size_t end() const { return _position; }
    /// Only when Refused.
    const FramingFault& refusal() const { return _refusal; }

private:
    State refuse(const FramingFault& refusal);
    std::optional<FramingFault> endLine(std::string_view bytes);

    HeadLimits _limits;
    std::size_t _position = 0; ///< bytes that were looked at
    std::size_t _begin = 0;
    std::size_t _lineBegin = 0;
    std::size_t _line = 0; ///< 0: the request line; n: the n-th field
    bool _afterCr = false;
    bool _emptyLineSeen = false;
    bool _methodRead = false;
    FramingFault _refusal;
};

} // namespace usher
