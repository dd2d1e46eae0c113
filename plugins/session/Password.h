#pragma once

#include <string>
#include <string_view>

namespace usher::session {

/// Passwords as better-auth keeps them in account.password: `hex(salt) + ":" + hex(key)`, key =
/// scrypt(NFKC(password), hex(salt) as TEXT, N=16384, r=16, p=1), 64 bytes. One call takes about 0.1 s of a
/// core and 32 MiB: call it on PasswordThreads only. [any-thread]
class Password {
public:
    /// Under a new random salt. Throws std::runtime_error when `password` is not UTF-8 or OpenSSL cannot.
    static std::string hash(std::string_view password);
    /// Under a given salt: what hash() and the known answers share.
    static std::string hash(std::string_view password, std::string_view saltHex);
    /// False also for a stored text that is not of this format, after the same amount of work.
    static bool matches(std::string_view password, std::string_view stored);
    /// The work of a comparison, for accounts that do not exist.
    static void pretend(std::string_view password);

    /// 8 to 128 characters (code points) of UTF-8.
    static bool acceptable(std::string_view password);
};

} // namespace usher::session
