#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher::ctl {

/// One event of a Server-Sent Events stream (HTML standard, section 9.2).
struct StreamEvent {
    std::string id;   ///< the last one seen, also when this event named none
    std::string type; ///< "message" when the stream named none
    std::string data;
};

/// Turns the bytes of an event stream into events, wherever they were cut. Comments (`: ping`) are skipped.
/// An event whose empty line never came is not given. At most 4 MiB are held for one event: more throws
/// std::runtime_error. Not synchronised.
class EventStream {
public:
    std::vector<StreamEvent> feed(std::string_view bytes);
    /// For Last-Event-ID when the connection broke; empty: none yet.
    const std::string& lastId() const { return _lastId; }
    /// Forgets a half-read event: the stream begins again.
    void restart();

private:
    void line(std::string_view text, std::vector<StreamEvent>& out);

    std::string _rest;
    std::string _pendingId;
    std::string _lastId;
    std::string _type;
    std::string _data;
    bool _hasData = false;
};

} // namespace usher::ctl
