#include "base/Seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <stdexcept>

namespace usher {

namespace {

constexpr std::size_t kKey = 32, kNonce = 12, kTag = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char* bytes(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

Context begin(std::string_view key, std::string_view nonce, std::string_view context, bool sealing) {
    if (key.size() != kKey) throw std::runtime_error("a key for secrets has 32 bytes");
    Context cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    int length = 0;
    if (!cipher ||
        EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce), sealing) != 1 ||
        EVP_CipherUpdate(cipher.get(), nullptr, &length, bytes(context), static_cast<int>(context.size())) !=
            1)
        throw std::runtime_error("AES-256-GCM is not to be had");
    return cipher;
}

} // namespace

std::string seal(std::string_view key, std::string_view plain, std::string_view context) {
    std::string nonce(kNonce, '\0'), out(plain.size(), '\0'), tag(kTag, '\0');
    if (RAND_bytes(bytes(nonce), kNonce) != 1) throw std::runtime_error("no random bytes");
    Context cipher = begin(key, nonce, context, true);
    int length = 0, rest = 0;
    if (EVP_CipherUpdate(cipher.get(), bytes(out), &length, bytes(plain), static_cast<int>(plain.size())) !=
            1 ||
        EVP_CipherFinal_ex(cipher.get(), bytes(out) + length, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, tag.data()) != 1)
        throw std::runtime_error("cannot encrypt");
    return nonce + out + tag;
}

std::optional<std::string> unseal(std::string_view key, std::string_view sealed, std::string_view context) {
    if (sealed.size() < kNonce + kTag) return std::nullopt;
    const std::string_view nonce = sealed.substr(0, kNonce);
    std::string tag(sealed.substr(sealed.size() - kTag));
    const std::string_view text = sealed.substr(kNonce, sealed.size() - kNonce - kTag);
    std::string out(text.size(), '\0');
    Context cipher = begin(key, nonce, context, false);
    int length = 0, rest = 0;
    if (EVP_CipherUpdate(cipher.get(), bytes(out), &length, bytes(text), static_cast<int>(text.size())) !=
            1 ||
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) != 1 ||
        EVP_CipherFinal_ex(cipher.get(), bytes(out) + length, &rest) != 1)
        return std::nullopt;
    return out;
}

} // namespace usher
