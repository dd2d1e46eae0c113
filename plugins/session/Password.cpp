#include "session/Password.h"

#include "common/Crypto.h"
#include "common/Text.h"

#include <openssl/evp.h>
#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace usher::session {

namespace {

constexpr std::uint64_t kN = 16384, kR = 16, kP = 1;
constexpr std::size_t kKeyBytes = 64;
constexpr std::size_t kSaltHexSize = 32;
// scrypt needs 128·N·r bytes and a little more; OpenSSL's own limit of 32 MiB is just too small for that.
constexpr std::uint64_t kMaxMemory = 64u << 20;
/// No password in this program is longer: what is longer is cut before it costs anything, and matches
/// nothing.
constexpr std::size_t kMaxBytes = 4096;
constexpr std::string_view kNobodysSalt = "5f2d1c0b9a8e7f6d5c4b3a2918070605";

/// Empty when `password` is not UTF-8 or too long.
std::string normalised(std::string_view password) {
    if (password.size() > kMaxBytes || !plugin::isUtf8(password)) return {};
    utf8proc_uint8_t* out = nullptr;
    const utf8proc_ssize_t size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(password.data()),
                     static_cast<utf8proc_ssize_t>(password.size()), &out,
                     static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(out, &std::free);
    return size < 0 ? std::string()
                    : std::string(reinterpret_cast<const char*>(out), static_cast<std::size_t>(size));
}

std::string derive(std::string_view password, std::string_view saltHex) {
    std::string text = normalised(password);
    std::string key(kKeyBytes, '\0');
    const int done = EVP_PBE_scrypt(
        text.data(), text.size(), reinterpret_cast<const unsigned char*>(saltHex.data()), saltHex.size(), kN,
        kR, kP, kMaxMemory, reinterpret_cast<unsigned char*>(key.data()), key.size());
    plugin::wipe(text);
    if (done != 1)
        throw std::runtime_error("scrypt failed: no memory for 32 MiB, or OpenSSL does not have it");
    return key;
}

} // namespace

std::string Password::hash(std::string_view password) {
    return hash(password, plugin::toHex(plugin::randomBytes(kSaltHexSize / 2)));
}

std::string Password::hash(std::string_view password, std::string_view saltHex) {
    if (!plugin::isUtf8(password)) throw std::runtime_error("the password is not UTF-8");
    return std::string(saltHex) + ":" + plugin::toHex(derive(password, saltHex));
}

bool Password::matches(std::string_view password, std::string_view stored) {
    const std::size_t colon = stored.find(':');
    std::optional<std::string> key;
    if (colon != std::string_view::npos && colon != 0) key = plugin::fromHex(stored.substr(colon + 1));
    const bool comparable =
        key && key->size() == kKeyBytes && password.size() <= kMaxBytes && plugin::isUtf8(password);
    if (!comparable) {
        pretend(password);
        return false;
    }
    return plugin::equalsConstantTime(derive(password, stored.substr(0, colon)), *key);
}

void Password::pretend(std::string_view password) {
    derive(password, kNobodysSalt);
}

bool Password::acceptable(std::string_view password) {
    if (password.size() > kMaxBytes || !plugin::isUtf8(password)) return false;
    const std::size_t characters = plugin::codePoints(password);
    return characters >= 8 && characters <= 128;
}

} // namespace usher::session
