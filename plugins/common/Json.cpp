#include "common/Json.h"

#include <cstdint>
#include <vector>

namespace usher::plugin {

namespace {

/// Builds the value event by event and stops at the first thing that the library would have let through.
class StrictBuilder final : public nlohmann::json_sax<Json> {
public:
    explicit StrictBuilder(const JsonLimits& limits) : _limits(limits) {}

    Json root;
    std::string problem;

    bool null() override { return leaf(nullptr); }
    bool boolean(bool value) override { return leaf(value); }
    bool number_integer(number_integer_t value) override { return leaf(value); }
    bool number_unsigned(number_unsigned_t value) override {
        return value > INT64_MAX ? outOfRange() : leaf(static_cast<std::int64_t>(value));
    }
    bool number_float(number_float_t value, const string_t& source) override {
        // An integer too large for 64 bits arrives here, already rounded.
        const bool whole = source.find_first_of(".eE") == string_t::npos;
        return whole ? outOfRange() : leaf(value);
    }
    bool string(string_t& value) override {
        if (hasNul(value)) return refuse("a string contains NUL");
        return leaf(std::move(value));
    }
    bool binary(binary_t&) override { return refuse("binary data"); }
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool key(string_t& name) override {
        if (hasNul(name)) return refuse("a name contains NUL");
        if (_open.back()->contains(name)) return refuse("a name appears twice in one object");
        _name = std::move(name);
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t at, const std::string&, const nlohmann::json::exception& error) override {
        constexpr int numberOverflow = 406;
        if (error.id == numberOverflow) return outOfRange();
        return refuse("not valid JSON at byte " + std::to_string(at));
    }

private:
    static bool hasNul(const string_t& text) { return text.find('\0') != string_t::npos; }
    bool refuse(std::string why) {
        if (problem.empty()) problem = std::move(why);
        return false;
    }
    bool outOfRange() { return refuse("a number is out of range"); }

    /// Where the next value goes; null when there are too many.
    Json* place(Json&& value) {
        if (++_count > _limits.maxValues) return nullptr;
        if (_open.empty()) return &(root = std::move(value));
        Json& parent = *_open.back();
        if (parent.is_object()) return &(parent[_name] = std::move(value));
        parent.push_back(std::move(value));
        return &parent.back();
    }
    bool leaf(Json&& value) { return place(std::move(value)) ? true : refuse("too many values"); }
    bool open(Json&& value) {
        if (_open.size() >= _limits.maxDepth) return refuse("nested too deeply");
        Json* const at = place(std::move(value)); // stays put: while it is open, only it grows
        if (!at) return refuse("too many values");
        _open.push_back(at);
        return true;
    }
    bool close() {
        _open.pop_back();
        return true;
    }

    const JsonLimits& _limits;
    std::vector<Json*> _open;
    string_t _name;
    std::size_t _count = 0;
};

} // namespace

std::variant<Json, JsonError> parseJson(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.maxBytes)
        return JsonError{"larger than " + std::to_string(limits.maxBytes) + " bytes"};
    if (text.starts_with("\xEF\xBB\xBF")) return JsonError{"starts with a byte order mark"};
    // The library would take a raw NUL for the end of the text.
    if (text.find('\0') != std::string_view::npos) return JsonError{"contains NUL"};
    StrictBuilder builder(limits);
    const bool complete = Json::sax_parse(text.begin(), text.end(), &builder);
    if (!builder.problem.empty()) return JsonError{builder.problem};
    if (!complete) return JsonError{"not valid JSON"};
    return std::move(builder.root);
}

std::string toText(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace usher::plugin
