#include "KeyFormat.h"

#include "common/Crypto.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace usher::apikey {

namespace {

constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kPrefix = "job_";
constexpr std::size_t kRandom = 54, kChecksum = 6, kStart = 8;

constexpr std::array<std::uint32_t, 256> crcTable() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1) ? value >> 1 ^ 0xEDB88320U : value >> 1;
        table[i] = value;
    }
    return table;
}

std::uint32_t crc32(std::string_view text) {
    static constexpr auto table = crcTable();
    std::uint32_t crc = ~0U;
    for (const char c : text) crc = table[(crc ^ static_cast<unsigned char>(c)) & 255] ^ crc >> 8;
    return ~crc;
}

bool isHex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool isBase64Url(char c) {
    return kBase62.find(c) != std::string_view::npos || c == '-' || c == '_';
}

} // namespace

std::string checksum(std::string_view rest) {
    std::uint32_t value = crc32(rest);
    std::string out(kChecksum, '0');
    for (std::size_t i = kChecksum; i-- > 0; value /= 62) out[i] = kBase62[value % 62];
    return out;
}

std::string createKey() {
    std::string key;
    key.reserve(kPrefix.size() + kRandom + kChecksum); // never grown: no copy of it stays behind
    std::string random = plugin::randomText(kRandom, kBase62);
    key.append(kPrefix).append(random);
    plugin::wipe(random);
    key += checksum(key);
    return key;
}

std::string storedForm(std::string_view key) {
    return plugin::toBase64Url(plugin::sha256(key));
}

std::string startOf(std::string_view key) {
    return std::string(key.substr(0, kStart));
}

bool isStoredForm(std::string_view text) {
    return text.size() == 43 && std::all_of(text.begin(), text.end(), isBase64Url);
}

bool isHexForm(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

bool looksLikeHash(std::string_view text) {
    if (text.size() == 43) return isStoredForm(text);
    return text.size() == 64 && std::all_of(text.begin(), text.end(), isHex);
}

} // namespace usher::apikey
