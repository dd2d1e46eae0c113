#include "ctl/EventStream.h"

#include <stdexcept>

namespace usher::ctl {

void EventStream::restart() {
    _rest.clear();
    _type.clear();
    _data.clear();
    _pendingId = _lastId;
    _hasData = false;
}

std::vector<StreamEvent> EventStream::feed(std::string_view bytes) {
    std::vector<StreamEvent> events;
    _rest += bytes;
    std::size_t begin = 0;
    for (std::size_t end; (end = _rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
        std::string_view text(_rest.data() + begin, end - begin);
        if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
        line(text, events);
    }
    _rest.erase(0, begin);
    if (_rest.size() + _data.size() > (4u << 20))
        throw std::runtime_error("an event of the stream is larger than 4 MiB");
    return events;
}

void EventStream::line(std::string_view text, std::vector<StreamEvent>& out) {
    if (text.empty()) {
        // Only now is the event complete, so only now may a resumed stream begin behind it.
        _lastId = _pendingId;
        if (_hasData) {
            _data.pop_back();
            out.push_back({_lastId, _type.empty() ? "message" : _type, std::move(_data)});
        }
        _type.clear();
        _data.clear();
        _hasData = false;
        return;
    }
    if (text[0] == ':') return;
    std::size_t colon = text.find(':');
    std::string_view name = text.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (!value.empty() && value[0] == ' ') value.remove_prefix(1);
    if (name == "data") {
        _data += value;
        _data += '\n';
        _hasData = true;
    } else if (name == "event") {
        _type = value;
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
        _pendingId = value;
    }
}

} // namespace usher::ctl
