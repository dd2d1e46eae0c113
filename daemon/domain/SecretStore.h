#pragma once

#include "base/Clock.h"

#include <string>
#include <vector>

namespace usher {

/// A secret of a job as it is stored: encrypted, never readable here.
struct SealedSecret {
    std::string id; ///< new with every value; what the encryption is bound to
    std::string name;
    std::string sealed; ///< base64 of base/Seal.h's bytes
    Micros updatedAt = 0;
};

/// Secrets of jobs. [any-thread] Every call may throw StorageUnavailable.
class SecretStore {
public:
    static constexpr int kMostOfJob = 100;
    enum class Change { created, replaced, jobNotFound, tooMany };

    virtual ~SecretStore() = default;
    virtual std::vector<SealedSecret> secretsOf(const std::string& jobId) = 0; ///< by name
    /// Replaces the one of the same name as a whole.
    virtual Change putSecret(const std::string& jobId, const SealedSecret&) = 0;
    virtual bool deleteSecret(const std::string& jobId, const std::string& name) = 0;
};

} // namespace usher
