#pragma once

#include "domain/Authenticator.h"
#include "domain/NodeStore.h"
#include "plugin/CallTable.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace usher {

/// DESIGN. Host and helper talk in frames over one stream socket: four bytes of length, one byte of type,
/// then values one after another, numbers as the machine has them (both ends are one machine and one
/// release), texts as length and bytes. Each side trusts the other with nothing: a frame that does not read
/// is the end of the connection.
enum class FrameType : std::uint8_t {
    // host → helper
    load, ///< name, config, stateDir, hasTurn, limits: load the file, create
    start,
    stop,    ///< stop, destroy, exit
    check,   ///< call, request
    route,   ///< call, request, route, principal, params, query
    settled, ///< call, kind, run id
    askHealth,
    secretIs, ///< number, found, value
    turnIs,   ///< number, granted
    tick,     ///< timer number
    callOff,  ///< call: nobody waits for its answer any more
    reload,   ///< number, config
    // helper → host
    loaded, ///< id, version, vendor, schema, routes
    started,
    reloaded, ///< number, status of usher.reload/1, why it was refused
    failed,   ///< why
    stopped,
    verdict,  ///< call, verdict
    response, ///< call, response
    health,   ///< ok, reason
    log,      ///< severity, request id, text, fields
    audit,
    secret, ///< number, name
    turn,   ///< number, deadline
    turnBack,
    metric ///< name, kind, value, labels
};

/// A frame is not as it must be.
struct FrameError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

constexpr std::size_t kMaxFrame = 24u << 20;

class FrameWriter {
public:
    explicit FrameWriter(FrameType type);
    FrameWriter& number(std::uint64_t value);
    FrameWriter& text(std::string_view value);
    FrameWriter& fields(const Fields& fields);
    FrameWriter& request(const AuthRequest& request);
    FrameWriter& verdict(const Verdict& verdict);
    FrameWriter& response(const PluginResponse& response);
    FrameWriter& audit(const AuditRecord& record);
    /// Whole, with its length.
    std::string take();

private:
    std::string _bytes;
};

/// Reads one frame's payload; throws FrameError when it is too short or too long. The bytes stay the
/// caller's.
class FrameReader {
public:
    explicit FrameReader(std::string_view bytes);
    FrameType type() const { return _type; }
    std::uint64_t number();
    bool flag() { return number() != 0; }
    std::string text();
    std::string_view view();
    Fields fields();
    AuthRequest request();
    Verdict verdict();
    PluginResponse response();
    AuditRecord audit();

private:
    std::string_view take(std::size_t size);
    std::string_view _rest;
    FrameType _type;
};

} // namespace usher
