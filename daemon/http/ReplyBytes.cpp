#include "http/ReplyBytes.h"

#include "base/Text.h"

#include <array>
#include <charconv>
#include <ctime>

namespace usher {
namespace {

const char* reason(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 206:
        return "Partial Content";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 416:
        return "Range Not Satisfiable";
    case 417:
        return "Expectation Failed";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Content";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    case 507:
        return "Insufficient Storage";
    default:
        return ""; // a reason phrase may be empty (RFC 9112 section 4)
    }
}

/// `Date: …\r\n`, made once a second and thread.
const std::string& dateLine() {
    thread_local std::time_t made = 0;
    thread_local std::string line;
    const std::time_t now = std::time(nullptr);
    if (now != made || line.empty()) {
        static const char* const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char* const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        std::tm utc{};
        gmtime_r(&now, &utc);
        // Not strftime: the names must stay English in any locale.
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                      days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour,
                      utc.tm_min, utc.tm_sec);
        line = text.data();
        made = now;
    }
    return line;
}

bool isName(const std::string& name) {
    static const std::string marks = "!#$%&'*+-.^_`|~";
    for (const char c : name) {
        const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && marks.find(c) == std::string::npos) return false;
    }
    return !name.empty();
}

bool isSendable(const Reply& reply) {
    if (reply.status < 200 || reply.status > 599) return false;
    for (const auto& [name, value] : reply.fields)
        if (!isName(name) || value.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) return false;
    return true;
}

/// Fields that would contradict the framing or the identity of the answer if they came from above.
bool isListenersOwn(const std::string& name) {
    for (const char* own : {"Content-Length", "Transfer-Encoding", "Connection", "Date", "X-Request-Id",
                            "X-Content-Type-Options", "Keep-Alive"})
        if (equalsIgnoreCase(name, own)) return true;
    return false;
}

bool has(const Reply& reply, const char* wanted) {
    for (const auto& [name, value] : reply.fields)
        if (equalsIgnoreCase(name, wanted)) return true;
    return false;
}

void appendNumber(std::string& to, std::size_t number, int base = 10) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    to.append(digits.data(), end);
}

std::string beginHead(const Reply& reply, const ReplyFrame& frame, bool keepAlive, std::size_t reserve) {
    std::string out;
    out.reserve(256 + reserve);
    out += "HTTP/1.1 ";
    appendNumber(out, static_cast<std::size_t>(reply.status));
    out += ' ';
    out += reason(reply.status);
    out += "\r\n";
    out += dateLine();
    out += "X-Request-Id: ";
    out += frame.requestId;
    out += "\r\nX-Content-Type-Options: nosniff\r\n";
    for (const auto& [name, value] : reply.fields) {
        if (isListenersOwn(name)) continue;
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    if ((reply.status == 503 || reply.status == 429) && !has(reply, "Retry-After"))
        out += "Retry-After: 1\r\n";
    if (!keepAlive)
        out += "Connection: close\r\n";
    else if (frame.http10)
        out += "Connection: keep-alive\r\n";
    return out;
}

Reply unsendable(const ReplyFrame& frame) {
    return Reply::error(500, "Internal error",
                        "The server could not form its answer; its log has the request id.", "INTERNAL",
                        frame.requestId);
}

bool mayHaveBody(int status) {
    return status != 204 && status != 304;
}

} // namespace

std::string replyBytes(const Reply& reply, const ReplyFrame& frame) {
    if (!isSendable(reply)) return replyBytes(unsendable(frame), frame);
    std::string out = beginHead(reply, frame, frame.keepAlive && !reply.close, reply.body.size());
    if (mayHaveBody(reply.status)) {
        out += "Content-Length: ";
        appendNumber(out, reply.body.size());
        out += "\r\n";
    }
    out += "\r\n";
    if (mayHaveBody(reply.status) && !frame.headOnly) out += reply.body;
    return out;
}

std::string streamHeadBytes(const Reply& reply, const ReplyFrame& frame) {
    if (!isSendable(reply)) {
        Reply error = unsendable(frame);
        error.body.clear();
        return streamHeadBytes(error, frame);
    }
    std::string out = beginHead(reply, frame, frame.keepAlive && !reply.close && !frame.http10, 0);
    if (!frame.http10 && mayHaveBody(reply.status)) out += "Transfer-Encoding: chunked\r\n";
    out += "\r\n";
    return out;
}

std::string chunkBytes(const std::string& bytes) {
    std::string out;
    if (bytes.empty()) return out;
    out.reserve(bytes.size() + 16);
    appendNumber(out, bytes.size(), 16);
    out += "\r\n";
    out += bytes;
    out += "\r\n";
    return out;
}

} // namespace usher
