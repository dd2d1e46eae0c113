#include "Signer.h"

#include "common/Crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <stdexcept>

namespace usher::test {

namespace {

using plugin::Json;
using plugin::toBase64Url;

template <class T>
T* good(T* pointer) {
    if (!pointer) throw std::runtime_error("OpenSSL failed");
    return pointer;
}

EVP_PKEY* make(Signer::Kind kind) {
    switch (kind) {
    case Signer::Kind::rsa:
        return good(EVP_RSA_gen(2048));
    case Signer::Kind::rsa1024:
        return good(EVP_RSA_gen(1024));
    case Signer::Kind::p256:
        return good(EVP_EC_gen("P-256"));
    default:
        return good(EVP_EC_gen("P-384"));
    }
}

std::string algorithmOf(Signer::Kind kind) {
    return kind == Signer::Kind::p256 ? "ES256" : kind == Signer::Kind::p384 ? "ES384" : "RS256";
}

std::string number(const BIGNUM* value, int width) {
    std::string bytes(static_cast<std::size_t>(width), '\0');
    if (BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), width) < 0)
        throw std::runtime_error("OpenSSL failed");
    return bytes;
}

std::string parameter(EVP_PKEY* key, const char* name) {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &value) != 1) throw std::runtime_error("OpenSSL failed");
    const std::string bytes = number(value, BN_num_bytes(value));
    BN_free(value);
    return toBase64Url(bytes);
}

/// What JWS wants: both numbers, as wide as the curve.
std::string plainOf(const std::string& der, int width) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> parts(
        good(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))), ECDSA_SIG_free);
    return number(ECDSA_SIG_get0_r(parts.get()), width) + number(ECDSA_SIG_get0_s(parts.get()), width);
}

std::string joined(const Json& header, const Json& claims) {
    return toBase64Url(header.dump()) + "." + toBase64Url(claims.dump());
}

} // namespace

Signer::Signer(std::string name, Kind kind)
    : kid(std::move(name)), algorithm(algorithmOf(kind)), _key(make(kind), EVP_PKEY_free) {}

Json Signer::jwk() const {
    Json key = {{"kid", kid}, {"use", "sig"}, {"alg", algorithm}};
    if (algorithm == "RS256") {
        key["kty"] = "RSA";
        key["n"] = parameter(_key.get(), OSSL_PKEY_PARAM_RSA_N);
        key["e"] = parameter(_key.get(), OSSL_PKEY_PARAM_RSA_E);
        return key;
    }
    const int width = algorithm == "ES256" ? 32 : 48;
    unsigned char point[97];
    std::size_t size = 0;
    if (EVP_PKEY_get_octet_string_param(_key.get(), OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) != 1)
        throw std::runtime_error("OpenSSL failed");
    const std::string bytes(reinterpret_cast<char*>(point), size);
    key["kty"] = "EC";
    key["crv"] = algorithm == "ES256" ? "P-256" : "P-384";
    key["x"] = toBase64Url(bytes.substr(1, static_cast<std::size_t>(width)));
    key["y"] = toBase64Url(bytes.substr(1 + static_cast<std::size_t>(width)));
    return key;
}

std::string Signer::sign(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(good(EVP_MD_CTX_new()), EVP_MD_CTX_free);
    const EVP_MD* digest = algorithm == "ES384" ? EVP_sha384() : EVP_sha256();
    std::size_t size = 512;
    std::string signature(size, '\0');
    if (EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, _key.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1)
        throw std::runtime_error("OpenSSL failed");
    signature.resize(size);
    if (algorithm == "RS256") return signature;
    return plainOf(signature, algorithm == "ES256" ? 32 : 48);
}

std::string Signer::token(const Json& claims, const Json& header) const {
    Json head = {{"alg", algorithm}, {"kid", kid}, {"typ", "JWT"}};
    head.merge_patch(header);
    const std::string text = joined(head, claims);
    return text + "." + toBase64Url(sign(text));
}

std::string hs256(const std::string& secret, const Json& header, const Json& claims) {
    const std::string text = joined(header, claims);
    return text + "." + toBase64Url(plugin::hmacSha256(secret, text));
}

} // namespace usher::test
