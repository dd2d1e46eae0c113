#include "http/ClusterSignature.h"

#include "base/Digest.h"
#include "base/Random.h"
#include "base/Text.h"

namespace usher {

namespace {

constexpr Micros kSkew = 60'000'000;
constexpr std::size_t kMaxNonces = 50'000;

std::string sign(const std::string& secret, const std::string& method, const std::string& target,
                 const std::string& node, const std::string& time, const std::string& nonce) {
    return toHex(hmacSha256(secret, "usher-cluster-1\n" + method + "\n" + target + "\n" + node + "\n" + time +
                                        "\n" + nonce));
}

} // namespace

ClusterSignature ClusterSignature::make(const std::string& secret, const std::string& method,
                                        const std::string& target, const std::string& node, Micros now) {
    ClusterSignature made{std::to_string(now), toHex(randomBytes(16)), ""};
    made.signature = sign(secret, method, target, node, made.time, made.nonce);
    return made;
}

bool ClusterVerifier::accepts(const std::string& method, const std::string& target,
                              const ClusterSignature& said) {
    const auto time = parseInteger(said.time);
    if (!time || said.nonce.size() != 32) return false;
    // The signature first: who has not the secret learns nothing about clocks and nonces.
    if (!equalsConstantTime(sign(_secret, method, target, _node, said.time, said.nonce), said.signature))
        return false;
    const Micros now = _clock.now();
    if (*time > now + kSkew || *time < now - kSkew) return false;
    Lock lock(_mutex);
    if (now - _swept > kSkew / 4) {
        _swept = now;
        std::erase_if(_nonces, [&](const auto& one) { return one.second < now - kSkew; });
    }
    return _nonces.size() < kMaxNonces && _nonces.emplace(said.nonce, *time).second;
}

} // namespace usher
