#include "exec/SecretHandover.h"

#include "exec/Wire.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace usher {

bool sendSecrets(int connection, const Environment& secrets) {
    UniqueFd memory(::memfd_create("usher", MFD_CLOEXEC));
    if (!memory) return false;
    const std::string text = toText(Json(secrets));
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t n = ::write(memory.get(), text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        done += static_cast<std::size_t>(n);
    }
    return sendPacket(connection, {{"op", "secrets"}}, {memory.get()});
}

std::optional<Environment> receiveSecrets(int connection, std::chrono::milliseconds patience) {
    pollfd waiting{connection, POLLIN, 0};
    while (::poll(&waiting, 1, static_cast<int>(patience.count())) < 0)
        if (errno != EINTR) return std::nullopt;
    Packet packet;
    if (receivePacket(connection, packet) != Received::packet || packet.body.value("op", "") != "secrets" ||
        packet.descriptors.size() != 1)
        return std::nullopt;
    std::string text;
    std::array<char, 16384> block;
    for (ssize_t n; (n = ::pread(packet.descriptors[0].get(), block.data(), block.size(),
                                 static_cast<off_t>(text.size()))) > 0;)
        text.append(block.data(), static_cast<std::size_t>(n));
    auto parsed = parseJson(text, {.maxBytes = 64u << 20});
    const Json* secrets = std::get_if<Json>(&parsed);
    if (!secrets || !secrets->is_object()) return std::nullopt;
    Environment values;
    for (const auto& [name, value] : secrets->items())
        if (value.is_string()) values[name] = value.get<std::string>();
    return values;
}

} // namespace usher
