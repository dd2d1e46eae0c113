#include "plugin/isolated/Frame.h"

#include <cstring>

namespace usher {

namespace {

constexpr std::size_t kHead = sizeof(std::uint32_t);

std::int64_t toNs(Instant instant) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(instant.time_since_epoch()).count();
}

std::uint64_t bits(std::int64_t value) {
    return static_cast<std::uint64_t>(value);
}

std::int64_t signedOf(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

} // namespace

FrameWriter::FrameWriter(FrameType type) : _bytes(kHead, '\0') {
    _bytes.reserve(1024);
    _bytes += static_cast<char>(type);
}

FrameWriter& FrameWriter::number(std::uint64_t value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof raw);
    _bytes.append(raw, sizeof raw);
    return *this;
}

FrameWriter& FrameWriter::text(std::string_view value) {
    const auto size = static_cast<std::uint32_t>(value.size());
    char raw[sizeof size];
    std::memcpy(raw, &size, sizeof raw);
    _bytes.append(raw, sizeof raw).append(value);
    return *this;
}

FrameWriter& FrameWriter::fields(const Fields& fields) {
    number(fields.size());
    for (const auto& [name, value] : fields) text(name).text(value);
    return *this;
}

FrameWriter& FrameWriter::request(const AuthRequest& request) {
    text(request.requestId).text(request.action).text(request.resource).text(request.method);
    text(request.target).text(request.peerAddress).text(request.tlsClientFingerprint);
    fields(request.headers).fields(request.attributes).text(request.body);
    return number(bits(toNs(request.deadline)));
}

FrameWriter& FrameWriter::verdict(const Verdict& verdict) {
    number(static_cast<std::uint64_t>(verdict.decision))
        .number(static_cast<std::uint64_t>(verdict.httpStatus));
    text(verdict.principal.id).text(verdict.principal.name).text(verdict.principal.role);
    text(verdict.code).text(verdict.title).text(verdict.message).text(verdict.auditMessage);
    fields(verdict.headers).number(verdict.limits.has_value());
    if (verdict.limits)
        number(bits(verdict.limits->limit))
            .number(bits(verdict.limits->remaining))
            .number(bits(verdict.limits->resetMs));
    return number(verdict.replayOk).number(verdict.guess);
}

FrameWriter& FrameWriter::response(const PluginResponse& response) {
    number(static_cast<std::uint64_t>(response.status)).text(response.contentType).text(response.body);
    return fields(response.headers);
}

FrameWriter& FrameWriter::audit(const AuditRecord& record) {
    text(record.actor).text(record.action).text(record.resource).text(record.decision).text(record.code);
    return text(record.detail).text(record.address).text(record.requestId);
}

std::string FrameWriter::take() {
    const auto size = static_cast<std::uint32_t>(_bytes.size() - kHead);
    std::memcpy(_bytes.data(), &size, sizeof size);
    return std::move(_bytes);
}

FrameReader::FrameReader(std::string_view bytes) : _rest(bytes) {
    _type = static_cast<FrameType>(take(1)[0]);
}

std::string_view FrameReader::take(std::size_t size) {
    if (_rest.size() < size) throw FrameError("a frame is too short");
    std::string_view taken = _rest.substr(0, size);
    _rest.remove_prefix(size);
    return taken;
}

std::uint64_t FrameReader::number() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
}

std::string_view FrameReader::view() {
    std::uint32_t size = 0;
    std::memcpy(&size, take(sizeof size).data(), sizeof size);
    return take(size);
}

std::string FrameReader::text() {
    return std::string(view());
}

Fields FrameReader::fields() {
    const std::uint64_t count = number();
    if (count > 4096) throw FrameError("a frame has too many fields");
    Fields fields;
    fields.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string name = text();
        fields.emplace_back(std::move(name), text());
    }
    return fields;
}

AuthRequest FrameReader::request() {
    AuthRequest request;
    request.requestId = text(), request.action = text(), request.resource = text();
    request.method = text(), request.target = text(), request.peerAddress = text();
    request.tlsClientFingerprint = text();
    request.headers = fields(), request.attributes = fields();
    request.body = text();
    request.deadline =
        Instant(std::chrono::duration_cast<Instant::duration>(std::chrono::nanoseconds(signedOf(number()))));
    return request;
}

Verdict FrameReader::verdict() {
    Verdict verdict;
    const std::uint64_t decision = number();
    verdict.decision = decision <= 3 ? static_cast<Decision>(decision) : Decision::error;
    verdict.httpStatus = static_cast<int>(number());
    verdict.principal.id = text(), verdict.principal.name = text(), verdict.principal.role = text();
    verdict.code = text(), verdict.title = text(), verdict.message = text(), verdict.auditMessage = text();
    verdict.headers = fields();
    if (flag()) {
        RateLimit limits;
        limits.limit = signedOf(number()), limits.remaining = signedOf(number());
        limits.resetMs = signedOf(number());
        verdict.limits = limits;
    }
    verdict.replayOk = flag(), verdict.guess = flag();
    return verdict;
}

PluginResponse FrameReader::response() {
    PluginResponse response;
    response.status = static_cast<int>(number());
    response.contentType = text(), response.body = text();
    response.headers = fields();
    return response;
}

AuditRecord FrameReader::audit() {
    AuditRecord record;
    record.actor = text(), record.action = text(), record.resource = text(), record.decision = text();
    record.code = text(), record.detail = text(), record.address = text(), record.requestId = text();
    return record;
}

} // namespace usher
