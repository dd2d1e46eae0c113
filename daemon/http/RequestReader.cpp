#include "http/RequestReader.h"

#include "base/Text.h"

#include <algorithm>

namespace usher {

RequestReader::Outcome RequestReader::refuse(const FramingFault& refusal) {
    if (_request) _refusedId = _request->id;
    _refusal = refusal;
    return Outcome::Refused;
}

RequestReader::Outcome RequestReader::read(std::string_view input, std::size_t& used) {
    used = 0;
    if (!_request) {
        const Outcome outcome = readHeadOf(input, used);
        if (outcome != Outcome::Complete) return outcome;
        input.remove_prefix(used);
    }
    std::size_t usedByBody = 0;
    const Outcome outcome = readBodyOf(input, usedByBody);
    used += usedByBody;
    return outcome;
}

RequestReader::Outcome RequestReader::readHeadOf(std::string_view input, std::size_t& used) {
    const auto state = _scan.scan(input);
    if (state == HeadScan::State::Incomplete) return Outcome::Incomplete;
    _refusedHead = input.substr(std::min(_scan.begin(), input.size())).substr(0, 5) == "HEAD ";
    if (state == HeadScan::State::Refused) return refuse(_scan.refusal());

    thread_local RequestHead head; // keeps the storage of its list from request to request
    const std::string_view bytes = input.substr(_scan.begin(), _scan.end() - _scan.begin());
    if (auto refusal = readHead(bytes, head)) return refuse(*refusal);
    auto judged = judgeHead(head);
    if (const auto* refusal = std::get_if<FramingFault>(&judged)) {
        for (const auto& [name, value] : head.fields)
            if (equalsIgnoreCase(name, "x-request-id") && isRequestId(value)) _refusedId = value;
        return refuse(*refusal);
    }
    _plan = std::get<RequestPlan>(judged);
    used = _scan.end();
    _headBytes = bytes.size();
    fill(head);
    _scan = HeadScan(_limits);

    const std::size_t maxBody = _handler.bodyRule(_request->head.getMethod(), _request->path).maxBytes;
    if (_plan.contentLength > maxBody) return refuse(payloadTooLarge());
    if (_plan.chunked) _chunks = std::make_unique<ChunkReader>(maxBody);
    // A client that has begun to send its body does not wait for our consent.
    _continueDue =
        _plan.expectsContinue && (_plan.chunked || _plan.contentLength > 0) && used == input.size();
    return Outcome::Complete;
}

RequestReader::Outcome RequestReader::readBodyOf(std::string_view input, std::size_t& used) {
    if (std::exchange(_continueDue, false)) return Outcome::SendContinue;
    if (_chunks) {
        std::string_view rest = input;
        const auto state = _chunks->read(rest, _request->body);
        used = input.size() - rest.size();
        if (state == ChunkReader::State::Incomplete) return Outcome::Incomplete;
        if (state == ChunkReader::State::Refused) return refuse(_chunks->refusal());
        _chunks.reset();
        return Outcome::Complete;
    }
    const std::size_t missing = _plan.contentLength - _request->body.size();
    used = std::min(missing, input.size());
    // Not reserved in one go: a client that announces a megabyte and sends nothing must cost nothing.
    _request->body.append(input.substr(0, used));
    return used == missing ? Outcome::Complete : Outcome::Incomplete;
}

void RequestReader::fill(const RequestHead& head) {
    _request = std::make_unique<HttpRequest>();
    auto& poco = _request->head;
    poco.setMethod(std::string(head.method));
    poco.setURI(std::string(head.target));
    poco.setVersion(_plan.http10 ? Poco::Net::HTTPMessage::HTTP_1_0 : Poco::Net::HTTPMessage::HTTP_1_1);
    for (const auto& [name, value] : head.fields) poco.add(std::string(name), std::string(value));
    _request->path = _plan.target.path;
    _request->query = _plan.target.query;
    _request->id = _plan.requestId;
    // Views of the head, which the connection is about to forget.
    _plan.target = {};
    _plan.requestId = {};
}

std::unique_ptr<HttpRequest> RequestReader::take() {
    _headBytes = 0;
    _request->received = std::chrono::steady_clock::now();
    return std::move(_request);
}

std::size_t RequestReader::heldBytes() const {
    if (!_request) return 0;
    // The fields live on as list nodes with two strings each: about three times their text.
    return 1024 + 3 * _headBytes + _request->body.capacity() +
           (_chunks ? sizeof(ChunkReader) + _chunks->heldBytes() : 0);
}

} // namespace usher
