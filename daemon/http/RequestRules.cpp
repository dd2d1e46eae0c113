#include "http/RequestRules.h"

#include "base/Text.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace usher {
namespace {

namespace http = boost::beast::http;

enum CharacterClass : unsigned char { Token = 1, Hex = 2, UriText = 4, HostName = 8, Id = 16 };

constexpr std::array<unsigned char, 256> characterClasses() {
    std::array<unsigned char, 256> classes{};
    for (int c = 0; c < 256; ++c) {
        const bool digit = c >= '0' && c <= '9';
        const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const auto in = [c](std::string_view set) {
            return c != 0 && set.find(static_cast<char>(c)) != set.npos;
        };
        unsigned char bits = 0;
        if (digit || alpha || in("!#$%&'*+-.^_`|~")) bits |= Token;
        if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= Hex;
        // RFC 3986: unreserved, sub-delims, ':' and '@' (pchar), '/', '?'; '%' is looked at apart.
        if (digit || alpha || in("-._~!$&'()*+,;=:@/?%")) bits |= UriText;
        // reg-name without ',': "a,b" is what a proxy makes of two Host fields.
        if (digit || alpha || in("-._~!$&'()*+;=%")) bits |= HostName;
        if (digit || alpha || in("._-")) bits |= Id;
        classes[static_cast<std::size_t>(c)] = bits;
    }
    return classes;
}
constexpr auto classes = characterClasses();

bool is(char c, CharacterClass wanted) {
    return (classes[static_cast<unsigned char>(c)] & wanted) != 0;
}

bool all(std::string_view text, CharacterClass wanted) {
    for (const char c : text)
        if (!is(c, wanted)) return false;
    return true;
}

bool escapesAreWhole(std::string_view text) {
    for (std::size_t i = text.find('%'); i != text.npos; i = text.find('%', i + 1))
        if (i + 2 >= text.size() || !is(text[i + 1], Hex) || !is(text[i + 2], Hex)) return false;
    return true;
}

bool isPort(std::string_view text) {
    if (text.empty()) return true; // port = *DIGIT
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && end == text.data() + text.size() && port <= 65535;
}

/// Beast's tokenizer with nothing behind it: it hands out views of our own buffer and keeps nothing. Only a
/// head is put in, so the callbacks for bodies are never reached.
class Tokenizer final : public http::basic_parser<true> {
public:
    explicit Tokenizer(RequestHead& head) : _head(head) {
        header_limit(1u << 20); // HeadScan has applied ours
        body_limit(boost::none);
    }

private:
    using View = boost::beast::string_view;
    using Code = boost::beast::error_code;

    static std::string_view view(View text) { return {text.data(), text.size()}; }

    void on_request_impl(http::verb, View method, View target, int version, Code&) override {
        _head.method = view(method);
        _head.target = view(target);
        _head.major = version / 10;
        _head.minor = version % 10;
    }
    void on_response_impl(int, View, int, Code&) override {}
    void on_field_impl(http::field, View name, View value, Code&) override {
        _head.fields.emplace_back(view(name), view(value));
    }
    void on_header_impl(Code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, Code&) override {}
    std::size_t on_body_impl(View, Code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View, Code&) override { return 0; }
    void on_finish_impl(Code&) override {}

    RequestHead& _head;
};

/// The comma-separated members of one line of a list field, without empty ones.
template <class Visit>
void eachMember(std::string_view list, Visit visit) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view member = trim(list.substr(0, comma));
        if (!member.empty()) visit(member);
        if (comma == list.npos) break;
        list.remove_prefix(comma + 1);
    }
}

std::optional<FramingFault> checkAuthority(std::string_view authority) {
    // userinfo in a request target disguises the host (RFC 9110 section 4.2.4).
    if (!isHost(authority)) return badRequest("The request target names no valid host.");
    return std::nullopt;
}

} // namespace

FramingFault badRequest(const char* message) {
    return {.message = message};
}
FramingFault uriTooLong() {
    return {414, "URI_TOO_LONG", "URI too long", "Shorten the path or the query of the request."};
}
FramingFault headersTooLarge() {
    return {431, "HEADERS_TOO_LARGE", "Request header too large", "Send fewer or shorter header fields."};
}
FramingFault payloadTooLarge() {
    return {413, "PAYLOAD_TOO_LARGE", "Payload too large",
            "Send a smaller body; this path does not take one of this size."};
}
FramingFault requestTimeout() {
    return {408, "REQUEST_TIMEOUT", "Request timeout",
            "The request was not complete in time; send it again."};
}
FramingFault overloaded() {
    return {503, "OVERLOADED", "Overloaded", "The server has more work than it can take; try again shortly."};
}

bool isToken(std::string_view text) {
    return !text.empty() && all(text, Token);
}

bool isRequestId(std::string_view value) {
    return !value.empty() && value.size() <= 64 && all(value, Id);
}

std::optional<std::size_t> findSingleField(std::string_view name) {
    // Beyond framing: credentials, and what decides how a body is read or a request replayed.
    static constexpr std::string_view singles[] = {
        "authorization",   "x-api-key", "content-type", "content-encoding",
        "idempotency-key", "origin",    "expect"};
    for (std::size_t i = 0; i < std::size(singles); ++i)
        if (equalsIgnoreCase(name, singles[i])) return i;
    return std::nullopt;
}

std::optional<FramingFault> checkRequestLine(std::string_view line, const HeadLimits& limits) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || last == first)
        return badRequest("The request line must be: method, space, target, space, HTTP/1.1.");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!isToken(method)) return badRequest("The method is not a token.");
    if (target.empty() || target.find_first_of(" \t") != target.npos)
        return badRequest("The request target is empty or has a space.");
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !digit(version[5]) || version[6] != '.' ||
        !digit(version[7]))
        return badRequest("The request line does not end in an HTTP version.");
    // A minor version above ours is processed as 1.1 (RFC 9110 section 2.5: it adds nothing that a recipient
    // must know). Major version 0 has no version in its request line: HTTP/0.9 spelled out is not a version
    // of HTTP.
    if (version[5] == '0') return badRequest("There is no such version of HTTP.");
    if (version[5] != '1')
        return FramingFault{505, "HTTP_VERSION_NOT_SUPPORTED", "HTTP version not supported", "Use HTTP/1.1."};
    if (target.size() > limits.maxTarget) return uriTooLong();
    return std::nullopt;
}

std::optional<FramingFault> readHead(std::string_view head, RequestHead& into) {
    into.fields.clear();
    // Beast knows the minor versions 0 and 1 only; a higher one is processed as 1.1 (see checkRequestLine()).
    const std::size_t minor = head.substr(0, head.find('\r')).size() - 1;
    if (minor < head.size() && head[minor] >= '2' && head[minor] <= '9') {
        into.rewritten.assign(head).replace(minor, 1, "1");
        head = into.rewritten;
    }
    Tokenizer tokenizer(into);
    boost::beast::error_code error;
    const std::size_t used = tokenizer.put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (!error && tokenizer.is_header_done() && used == head.size()) return std::nullopt;
    if (error == http::error::bad_content_length || error == http::error::multiple_content_length)
        return badRequest("Content-Length must be there once, as a plain number.");
    if (error == http::error::bad_transfer_encoding)
        return badRequest("Transfer-Encoding must be chunked, once.");
    if (error == http::error::bad_target)
        return badRequest("The request target has a character that must be escaped.");
    return badRequest("A header field is malformed.");
}

std::variant<Target, FramingFault> readTarget(std::string_view method, std::string_view target) {
    if (target == "*") {
        if (method != "OPTIONS") return badRequest("The target * goes with OPTIONS only.");
        return Target{target, {}};
    }
    if (!target.empty() && target.front() != '/') {
        std::size_t scheme = 0;
        if (target.size() > 7 && equalsIgnoreCase(target.substr(0, 7), "http://")) scheme = 7;
        if (target.size() > 8 && equalsIgnoreCase(target.substr(0, 8), "https://")) scheme = 8;
        if (scheme == 0) return badRequest("The request target must begin with a slash.");
        const std::size_t path = target.find_first_of("/?#", scheme);
        if (auto refusal = checkAuthority(target.substr(scheme, path - scheme))) return *refusal;
        if (path == target.npos) return Target{method == "OPTIONS" ? "*" : "/", {}};
        target.remove_prefix(path);
    }
    if (target.empty()) return badRequest("The request target is empty.");
    if (!all(target, UriText) || !escapesAreWhole(target))
        return badRequest("The request target has a character that must be escaped, or a broken escape.");
    const std::size_t question = target.find('?');
    Target parts;
    parts.path = target.substr(0, question);
    if (parts.path.empty()) parts.path = "/"; // http://host?query
    if (question != target.npos) parts.query = target.substr(question + 1);
    return parts;
}

bool isHost(std::string_view value) {
    if (value.empty()) return false;
    if (value.front() == '[') {
        const std::size_t end = value.find(']');
        if (end == value.npos) return false;
        const std::string literal(value.substr(1, end - 1));
        if (literal.find_first_not_of("0123456789abcdefABCDEF:.") != literal.npos) return false;
        in6_addr address{};
        if (inet_pton(AF_INET6, literal.c_str(), &address) != 1) return false;
        const std::string_view rest = value.substr(end + 1);
        return rest.empty() || (rest.front() == ':' && isPort(rest.substr(1)));
    }
    const std::size_t colon = value.find(':');
    const std::string_view name = value.substr(0, colon);
    if (name.empty() || name.size() > 255 || !all(name, HostName) || !escapesAreWhole(name)) return false;
    return colon == value.npos || isPort(value.substr(colon + 1));
}

std::optional<std::uint64_t> readContentLength(std::string_view value) {
    if (value.empty() || value.size() > 19) return std::nullopt;
    std::uint64_t length = 0;
    for (const char c : value) {
        if (c < '0' || c > '9') return std::nullopt;
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (length > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return length;
}

std::variant<RequestPlan, FramingFault> judgeHead(const RequestHead& head) {
    RequestPlan plan;
    plan.http10 = head.major == 1 && head.minor == 0;
    int hosts = 0, lengths = 0, codings = 0, ids = 0;
    bool close = false, keepAlive = false, unknownExpectation = false, encoded = false;
    unsigned singlesSeen = 0;

    for (const auto& [name, value] : head.fields) {
        if (equalsIgnoreCase(name, "host")) {
            if (++hosts > 1) return badRequest("More than one Host field.");
            if (!isHost(value)) return badRequest("The Host field names no valid host.");
        } else if (equalsIgnoreCase(name, "content-length")) {
            // Two are refused even when equal: what stands between us and the client may have counted them
            // otherwise.
            if (++lengths > 1) return badRequest("More than one Content-Length field.");
            const auto length = readContentLength(value);
            if (!length) return badRequest("Content-Length must be a plain number.");
            plan.contentLength = *length;
        } else if (equalsIgnoreCase(name, "transfer-encoding")) {
            if (++codings > 1) return badRequest("More than one Transfer-Encoding field.");
            if (!equalsIgnoreCase(value, "chunked"))
                return badRequest("Transfer-Encoding must be chunked, alone.");
            plan.chunked = true;
        } else if (equalsIgnoreCase(name, "connection")) {
            eachMember(value, [&](std::string_view option) {
                close = close || equalsIgnoreCase(option, "close");
                keepAlive = keepAlive || equalsIgnoreCase(option, "keep-alive");
            });
        } else if (equalsIgnoreCase(name, "x-request-id")) {
            plan.requestId = ++ids == 1 && isRequestId(value) ? value : std::string_view();
        } else if (const auto single = findSingleField(name)) {
            const unsigned bit = 1u << *single;
            if (singlesSeen & bit) return badRequest("A header field that may be there once is there twice.");
            singlesSeen |= bit;
            if (equalsIgnoreCase(name, "expect")) {
                plan.expectsContinue = equalsIgnoreCase(value, "100-continue");
                unknownExpectation = !plan.expectsContinue;
            } else if (equalsIgnoreCase(name, "content-encoding")) {
                encoded = !equalsIgnoreCase(value, "identity");
            }
        }
    }
    if (hosts == 0 && !plan.http10) return badRequest("The Host field is missing.");
    if (codings > 0 && lengths > 0) return badRequest("Content-Length and Transfer-Encoding in one request.");
    // RFC 9112 section 6.1: such a message must be treated as if its framing were faulty.
    if (codings > 0 && plan.http10) return badRequest("Transfer-Encoding in an HTTP/1.0 request.");
    auto target = readTarget(head.method, head.target);
    if (const auto* bad = std::get_if<FramingFault>(&target)) return *bad;
    plan.target = std::get<Target>(target);
    plan.keepAlive = !close && (!plan.http10 || keepAlive);
    if (plan.http10) {
        plan.expectsContinue = false; // RFC 9110 section 10.1.1: must be ignored
    } else if (unknownExpectation) {
        return FramingFault{417, "EXPECTATION_FAILED", "Expectation failed",
                            "The only expectation known here is 100-continue."};
    }
    if (encoded)
        return FramingFault{415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type",
                            "Send the body without Content-Encoding."};
    return plan;
}

} // namespace usher
