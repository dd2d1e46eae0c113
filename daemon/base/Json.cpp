#include "base/Json.h"

#include <set>
#include <vector>

namespace usher {

namespace {

/// Builds the value while refusing what the library would let through.
class StrictHandler final : public nlohmann::json_sax<Json> {
public:
    explicit StrictHandler(const JsonLimits& limits) : _limits(limits) {}

    Json take() { return std::move(_root); }
    const std::string& problem() const { return _problem; }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override {
        if (value > static_cast<number_unsigned_t>(INT64_MAX)) return refuse("a number is out of range");
        return put(static_cast<std::int64_t>(value));
    }
    bool number_float(number_float_t value, const string_t& text) override {
        // An integer that overflowed arrives here as a double: it would be rounded in silence.
        if (text.find_first_of(".eE") == string_t::npos) return refuse("a number is out of range");
        return put(value);
    }
    bool string(string_t& value) override {
        if (value.find('\0') != string_t::npos) return refuse("a string contains NUL");
        return put(std::move(value));
    }
    bool binary(binary_t&) override { return refuse("binary data"); }
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool key(string_t& name) override {
        if (name.find('\0') != string_t::npos) return refuse("a name contains NUL");
        if (_stack.back()->contains(name)) return refuse("a name appears twice in one object");
        _key = std::move(name);
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::json::exception& error) override {
        return refuse((error.id == 406 ? "a number is out of range at byte " : "not valid JSON at byte ") +
                      std::to_string(position));
    }

private:
    bool refuse(std::string problem) {
        if (_problem.empty()) _problem = std::move(problem);
        return false;
    }
    Json* add(Json value) {
        if (++_values > _limits.maxValues) {
            refuse("more than " + std::to_string(_limits.maxValues) + " values");
            return nullptr;
        }
        if (_stack.empty()) {
            _root = std::move(value);
            return &_root;
        }
        Json& parent = *_stack.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        return &(parent[_key] = std::move(value));
    }
    bool put(Json value) { return add(std::move(value)) != nullptr; }
    bool open(Json value) {
        if (static_cast<int>(_stack.size()) >= _limits.maxDepth)
            return refuse("nested deeper than " + std::to_string(_limits.maxDepth) + " levels");
        // A pointer into an array stays good while it is open: only its last element grows.
        Json* at = add(std::move(value));
        if (!at) return false;
        _stack.push_back(at);
        return true;
    }
    bool close() {
        _stack.pop_back();
        return true;
    }

    const JsonLimits& _limits;
    Json _root;
    std::vector<Json*> _stack;
    std::string _key;
    std::string _problem;
    std::size_t _values = 0;
};

} // namespace

std::variant<Json, JsonError> parseJson(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.maxBytes)
        return JsonError{"larger than " + std::to_string(limits.maxBytes) + " bytes"};
    if (text.substr(0, 3) == "\xEF\xBB\xBF") return JsonError{"starts with a byte order mark"};
    // The library takes a raw NUL for the end of the text.
    if (text.find('\0') != std::string_view::npos) return JsonError{"contains NUL"};
    StrictHandler handler(limits);
    bool ok = Json::sax_parse(text.begin(), text.end(), &handler);
    if (!ok || !handler.problem().empty())
        return JsonError{handler.problem().empty() ? "not valid JSON" : handler.problem()};
    return handler.take();
}

std::string toText(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace usher
