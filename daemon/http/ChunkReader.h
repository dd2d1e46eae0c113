#pragma once

#include "http/RequestRules.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace usher {

/// Takes the chunks off a body (RFC 9112 section 7.1) as its bytes arrive in any pieces. Beast's reader is
/// not used here: it gives no hold on what a chunk line or a trailer may look like. Sizes are 1 to 16 hex
/// digits with nothing around them; extensions must be well-formed and are dropped; trailers must be
/// well-formed, may not be fields that frame, route or authorize, and are dropped. Extensions and trailers of
/// one body share 8 KiB.
class ChunkReader {
public:
    enum class State { Incomplete, Complete, Refused };

    explicit ChunkReader(std::size_t maxBytes) : _maxBytes(maxBytes) {}

    /// Takes from the front of `input` what belongs to the body, and appends the data to `body`.
    State read(std::string_view& input, std::string& body);
    /// Only when Refused: 400, or 413 when the body would be larger than maxBytes.
    const FramingFault& refusal() const { return _refusal; }
    std::size_t heldBytes() const { return _line.capacity(); }

private:
    enum class Stage { Size, Data, DataEnd, Trailer };

    State refuse(const FramingFault& refusal);
    std::optional<FramingFault> endLine();

    std::size_t _maxBytes;
    Stage _stage = Stage::Size;
    std::string _line; ///< the chunk line, line end or trailer that is being read
    bool _afterCr = false;
    bool _ended = false;
    std::uint64_t _left = 0; ///< bytes of the chunk that are still to come
    std::size_t _extra = 0;  ///< bytes of extensions and trailers so far
    FramingFault _refusal;
};

/// `size [;extensions]` without its line end; nothing when it is not exactly that.
std::optional<std::uint64_t> readChunkLine(std::string_view line);
/// A trailer line without its line end, that is well-formed and harmless.
bool isTrailer(std::string_view line);

} // namespace usher
