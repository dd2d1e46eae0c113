#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace usher {

// DESIGN. What the listener accepts is exactly what RFC 9112 allows, and whatever two readers could read in
// two ways is refused. The rules are pure functions over bytes, in the order in which a request meets them:
//   HeadScan     raw bytes as they arrive: line ends, control characters, folding, limits, shape of the
//   request line readHead()   a whole head, split into its parts by Boost.Beast's tokenizer judgeHead()  the
//   parts: target, Host, framing, persistence, expectation ChunkReader  (own file) the chunked body and its
//   trailers
// Threads: none of it is shared; each function may be called from any thread.

/// Why a request is not executed. All are answered and the connection is closed. The texts are literals.
struct FramingFault {
    int status = 400;
    const char* code = "BAD_REQUEST";
    const char* title = "Bad request";
    const char* message = "";
};

FramingFault badRequest(const char* message);
FramingFault uriTooLong();
FramingFault headersTooLarge();
FramingFault payloadTooLarge();
FramingFault requestTimeout();
FramingFault overloaded();

struct HeadLimits {
    std::size_t maxTarget = 8u << 10;
    std::size_t maxFields = 100;
    std::size_t maxHead = 32u << 10;
};

/// The parts of a head, as views of its bytes.
struct RequestHead {
    std::string_view method;
    std::string_view target;
    int major = 1;
    int minor = 1;
    std::vector<std::pair<std::string_view, std::string_view>> fields;
    std::string rewritten; ///< what the views are of, in the rare case that it is not the caller's buffer
};

/// Splits a head that HeadScan found complete (from begin() to end()). `into` keeps its storage for the next
/// request.
std::optional<FramingFault> readHead(std::string_view head, RequestHead& into);

/// `METHOD SP target SP HTTP/d.d` without its line end: 505 for a whole version other than 1, 400 for
/// anything else.
std::optional<FramingFault> checkRequestLine(std::string_view line, const HeadLimits& limits = {});

struct Target {
    std::string_view path;  ///< "/" at least, "*" for OPTIONS *
    std::string_view query; ///< without '?'
};
/// origin-form, absolute-form (http and https, RFC 9112 section 3.2.2) and, for OPTIONS alone, `*`.
std::variant<Target, FramingFault> readTarget(std::string_view method, std::string_view target);

/// host [":" port] as in RFC 9110 section 7.2: a name, an IPv4 address or an IPv6 literal; not empty, no
/// userinfo.
bool isHost(std::string_view value);

/// 1*DIGIT that fits in 63 bits; nothing for a list, a sign, a space.
std::optional<std::uint64_t> readContentLength(std::string_view value);

/// 1 to 64 characters of A-Z a-z 0-9 . _ -
bool isRequestId(std::string_view value);
bool isToken(std::string_view text);
/// The number (below 32) of a field that a request may have once, because two readers could choose different
/// ones.
std::optional<std::size_t> findSingleField(std::string_view name);

/// What the listener does with a head that it accepts.
struct RequestPlan {
    Target target;
    bool http10 = false;
    bool keepAlive = true;
    bool chunked = false;
    std::uint64_t contentLength = 0;
    bool expectsContinue = false;
    std::string_view requestId; ///< the client's own, when it may be echoed
};
std::variant<RequestPlan, FramingFault> judgeHead(const RequestHead& head);

} // namespace usher
