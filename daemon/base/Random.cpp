#include "base/Random.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace usher {

std::string randomBytes(std::size_t count) {
    std::string out(count, '\0');
    std::size_t have = 0;
    while (have < count) {
        ssize_t n = ::getrandom(out.data() + have, count - have, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
        have += static_cast<std::size_t>(n);
    }
    return out;
}

std::string randomText(std::size_t count, std::string_view alphabet) {
    // Bytes at or past the largest multiple of the alphabet's size are thrown away: no character is likelier.
    const unsigned fair = 256 - 256 % static_cast<unsigned>(alphabet.size());
    std::string out;
    while (out.size() < count)
        for (unsigned char byte : randomBytes(count - out.size() + 8))
            if (byte < fair && out.size() < count) out += alphabet[byte % alphabet.size()];
    return out;
}

} // namespace usher
