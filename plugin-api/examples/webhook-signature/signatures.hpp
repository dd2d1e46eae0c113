/// The three ways in which a webhook's sender shows that it knows a shared secret. Pure functions over bytes,
/// from any thread; every comparison takes a time that does not depend on what is equal. They throw
/// std::runtime_error when OpenSSL cannot.
#pragma once

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace webhook {

using Digest = std::array<unsigned char, 32>;

inline Digest hmac(std::string_view key, std::string_view text) {
    Digest digest{};
    unsigned size = 0;
    if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size) ||
        size != digest.size())
        throw std::runtime_error("HMAC failed");
    return digest;
}

/// Its lengths may show, its bytes may not.
inline bool equal(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

inline std::string hex(const Digest& digest) {
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned char byte : digest) text += {digits[byte >> 4], digits[byte & 15]};
    return text;
}

inline std::string base64(const Digest& digest) {
    std::string text(48, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest.data(),
                                     static_cast<int>(digest.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

/// GitHub, `X-Hub-Signature-256: sha256=HEX`: HMAC-SHA256 of the body.
inline bool isGithub(std::string_view secret, std::string_view field, std::string_view body) {
    return equal(field, "sha256=" + hex(hmac(secret, body)));
}

/// GitLab, `X-Gitlab-Token: SECRET`. Compared as digests, so that the secret's length does not show either.
inline bool isGitlab(std::string_view secret, std::string_view field) {
    const Digest a = hmac(secret, field), b = hmac(secret, secret);
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Standard Webhooks, `webhook-signature: v1,BASE64 …`: HMAC-SHA256 of "id.timestamp.body". Several
/// signatures, with a space between, while the sender changes its secret: one must be right.
inline bool isStandard(std::string_view secret, std::string_view field, std::string_view id,
                       std::string_view timestamp, std::string_view body) {
    std::string text;
    text.append(id).append(".").append(timestamp).append(".").append(body);
    const std::string wanted = "v1," + base64(hmac(secret, text));
    bool found = false;
    while (!field.empty()) {
        const std::string_view one = field.substr(0, field.find(' '));
        found |= equal(one, wanted);
        field.remove_prefix(std::min(field.size(), one.size() + 1));
    }
    return found;
}

} // namespace webhook
