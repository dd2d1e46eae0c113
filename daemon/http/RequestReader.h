#pragma once

#include "http/ChunkReader.h"
#include "http/Exchange.h"
#include "http/HeadScan.h"
#include "http/RequestRules.h"

#include <memory>
#include <optional>
#include <string_view>

namespace usher {

/// Turns the bytes of one connection into requests, one at a time. Owned by its connection, on the event
/// loop; does no input or output itself. Keeps nothing of a head that is incomplete: the connection gives it
/// again, with more.
class RequestReader {
public:
    enum class Outcome {
        Incomplete,   ///< wants more bytes; what it did not use must be given again
        SendContinue, ///< answer 100 now, then call again
        Complete,     ///< take() the request
        Refused       ///< answer refusal() and close
    };

    RequestReader(const HeadLimits& limits, const RequestHandler& handler)
        : _limits(limits), _handler(handler), _scan(limits) {}

    /// Reads from the front of `input`; `used` tells how much of it will not be needed again.
    Outcome read(std::string_view input, std::size_t& used);

    /// Nothing of a request has come, except perhaps the tolerated empty line.
    bool isIdle() const { return !_request && !_scan.began(); }
    bool inBody() const { return _request != nullptr; }
    /// Approximate memory of the request that is being read.
    std::size_t heldBytes() const;

    const FramingFault& refusal() const { return _refusal; }
    /// How the answer to the current request must be framed; of a refused one too, as far as it is known.
    const RequestPlan& plan() const { return _plan; }
    /// The complete request; the reader is then ready for the next.
    std::unique_ptr<HttpRequest> take();

    /// The method of a refused request was HEAD, so that its answer has no body.
    bool refusedHead() const { return _refusedHead; }
    /// What the refused request wants to be called, as far as it could be read.
    const std::string& refusedId() const { return _refusedId; }

private:
    Outcome readHeadOf(std::string_view input, std::size_t& used);
    Outcome readBodyOf(std::string_view input, std::size_t& used);
    Outcome refuse(const FramingFault& refusal);
    void fill(const RequestHead& head);

    const HeadLimits& _limits;
    const RequestHandler& _handler;
    HeadScan _scan;
    std::unique_ptr<HttpRequest> _request; ///< from the end of the head on
    std::unique_ptr<ChunkReader> _chunks;
    RequestPlan _plan;
    std::size_t _headBytes = 0;
    bool _continueDue = false;
    bool _refusedHead = false;
    std::string _refusedId;
    FramingFault _refusal;
};

} // namespace usher
