#include "base/Uuid.h"

#include "base/Random.h"
#include "base/Text.h"

namespace usher {

namespace {

/// Random bytes for this thread, drawn 16 UUIDs at a time: a system call for each would be felt in triggers.
class RandomPool {
public:
    void take(unsigned char* out, std::size_t count) {
        if (_used + count > _bytes.size()) {
            _bytes = randomBytes(160);
            _used = 0;
        }
        for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<unsigned char>(_bytes[_used + i]);
        _used += count;
    }

private:
    std::string _bytes;
    std::size_t _used = 0;
};

std::string withDashes(std::string_view hex) {
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < 32; ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
        out += hex[i];
    }
    return out;
}

} // namespace

std::string createUuid() {
    thread_local RandomPool pool;
    unsigned char bytes[16];
    auto millis = static_cast<std::uint64_t>(SystemClock{}.now() / 1000);
    for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(millis >> (40 - 8 * i));
    pool.take(bytes + 6, 10);
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x70);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
    return withDashes(toHex({reinterpret_cast<const char*>(bytes), sizeof bytes}));
}

std::optional<std::string> parseUuid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    std::string out = toLower(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (out[i] >= '0' && out[i] <= '9') || (out[i] >= 'a' && out[i] <= 'f');
        if (dash ? out[i] != '-' : !hex) return std::nullopt;
    }
    return out;
}

std::optional<Micros> timeOfUuid(std::string_view uuid) {
    if (!parseUuid(uuid) || uuid[14] != '7') return std::nullopt;
    const std::string millis = std::string(uuid.substr(0, 8)) + std::string(uuid.substr(9, 4));
    return static_cast<Micros>(std::stoull(millis, nullptr, 16)) * 1000;
}

} // namespace usher
