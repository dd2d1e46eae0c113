#pragma once

#include "http/Reply.h"

#include <string>

namespace usher {

/// How an answer must be framed for the request that it answers.
struct ReplyFrame {
    bool keepAlive = true;
    bool http10 = false;   ///< the client knows no chunks, and keeps alive only when told
    bool headOnly = false; ///< HEAD: the fields of the body without the body
    std::string requestId;
};

/// The bytes of a whole answer, in one piece for one write. Adds Date, X-Request-Id, Content-Length,
/// Connection, X-Content-Type-Options, and Retry-After (1 s) where a 429 or 503 has none; drops the fields
/// that only the listener may set. A reply that cannot be sent as it is (CR, LF or NUL in a field, a status
/// outside 200-599) becomes a 500, never a split answer. [any-thread]
std::string replyBytes(const Reply& reply, const ReplyFrame& frame);

/// The head of an answer that is written piece by piece: chunked, or to the end of the connection for
/// HTTP/1.0 (which the caller must then close). `reply.body` is ignored. [any-thread]
std::string streamHeadBytes(const Reply& reply, const ReplyFrame& frame);

/// One chunk; nothing for no bytes, because an empty chunk would end the answer.
std::string chunkBytes(const std::string& bytes);

} // namespace usher
