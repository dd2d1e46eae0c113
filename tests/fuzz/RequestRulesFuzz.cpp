#include "base/Text.h"
#include "http/ChunkReader.h"
#include "http/RequestReader.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace usher;

// The bytes of one connection go through the reader twice: whole, and in pieces whose lengths the input
// decides. Both must give the same requests and the same refusal, whatever the bytes; and what is accepted
// must keep the promises that the rest of the daemon relies on.
namespace {

struct Handler final : RequestHandler {
    BodyRule bodyRule(const std::string&, const std::string&) const override { return {4096}; }
    void handle(std::shared_ptr<Exchange>) override {}
    std::optional<Reply> answerAtOnce(const HttpRequest&) const override { return std::nullopt; }
};

void require(bool condition, const char* promise) {
    if (condition) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

void check(const HttpRequest& request) {
    const auto& head = request.head;
    require(isToken(head.getMethod()), "the method is a token");
    require(!request.path.empty() && (request.path.front() == '/' || request.path == "*"),
            "the path is a path");
    require(request.path.find_first_of("?# \r\n\t") == std::string::npos, "the path has no delimiters");
    require(request.body.size() <= 4096, "the body is within its limit");
    require(request.id.empty() || isRequestId(request.id), "the request id is harmless");
    int hosts = 0, lengths = 0, codings = 0;
    for (const auto& [name, value] : head) {
        require(isToken(name), "field names are tokens");
        for (const char c : value)
            require(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f),
                    "values have no controls");
        hosts += equalsIgnoreCase(name, "Host");
        lengths += equalsIgnoreCase(name, "Content-Length");
        codings += equalsIgnoreCase(name, "Transfer-Encoding");
    }
    const bool http10 = head.getVersion() == "HTTP/1.0";
    require(hosts == 1 || (hosts == 0 && http10), "one Host");
    require(lengths + codings <= 1, "one framing");
    require(codings == 0 || !http10, "no Transfer-Encoding in HTTP/1.0");
    if (codings > 0)
        require(equalsIgnoreCase(request.field("Transfer-Encoding"), "chunked"), "chunked alone");
    if (lengths > 0)
        require(readContentLength(request.field("Content-Length")) == request.body.size(),
                "the length is the body's");
    require(lengths + codings > 0 || request.body.empty(), "no framing, no body");
}

/// What came of the bytes, in words.
std::string run(std::string_view bytes, bool inPieces) {
    static const Handler handler;
    static const HeadLimits limits{256, 20, 2048};
    RequestReader reader(limits, handler);
    std::string outcome, held;
    std::size_t at = 0;
    while (at < bytes.size()) {
        const std::size_t step = inPieces ? 1 + static_cast<unsigned char>(bytes[at]) % 13 : bytes.size();
        held += bytes.substr(at, step);
        at += step;
        for (bool more = true; more;) {
            std::size_t used = 0;
            const auto result = reader.read(held, used);
            require(used <= held.size(), "nothing is used that is not there");
            held.erase(0, used);
            switch (result) {
            case RequestReader::Outcome::Incomplete:
                more = false;
                break;
            case RequestReader::Outcome::SendContinue:
                break; // may differ: a body that has begun is not asked for
            case RequestReader::Outcome::Complete: {
                const auto request = reader.take();
                check(*request);
                outcome += request->head.getMethod() + " " + request->head.getURI() + " " + request->path +
                           "?" + request->query + " " + request->body + "\n";
                break;
            }
            case RequestReader::Outcome::Refused:
                require(reader.refusal().status >= 400, "a refusal has a status");
                return outcome + std::to_string(reader.refusal().status);
            }
        }
    }
    return outcome;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    require(run(bytes, false) == run(bytes, true), "pieces make no difference");
    readTarget("GET", bytes);
    isHost(bytes);
    readChunkLine(bytes);
    isTrailer(bytes);
    return 0;
}
