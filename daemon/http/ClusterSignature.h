#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"

#include <map>
#include <string>

namespace usher {

/// What a node says to another one: HMAC-SHA-256 with the cluster's secret over method, path with query, the
/// node that is asked, time and nonce. Neither the secret nor anything that could be used again travels.
struct ClusterSignature {
    static constexpr const char* kTime = "X-Usher-Time";
    static constexpr const char* kNonce = "X-Usher-Nonce";
    static constexpr const char* kSignature = "X-Usher-Signature";

    std::string time, nonce, signature;

    static ClusterSignature make(const std::string& secret, const std::string& method,
                                 const std::string& target, const std::string& node, Micros now);
};

/// Judges them, for one node. A request counts once, and only within 60 s of our wall clock: the nodes'
/// clocks must agree that well. Memory is bounded: beyond 50,000 nonces of the last two minutes requests are
/// refused. [any-thread]
class ClusterVerifier {
public:
    ClusterVerifier(std::string secret, std::string node, const Clock& clock)
        : _secret(std::move(secret)), _node(std::move(node)), _clock(clock) {}

    bool accepts(const std::string& method, const std::string& target, const ClusterSignature& said)
        EXCLUDES(_mutex);

private:
    const std::string _secret, _node;
    const Clock& _clock;
    Mutex _mutex;
    std::map<std::string, Micros> _nonces GUARDED_BY(_mutex); ///< with the time they claimed
    Micros _swept GUARDED_BY(_mutex) = 0;
};

} // namespace usher
