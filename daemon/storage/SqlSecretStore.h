#pragma once

#include "domain/SecretStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// Secrets of jobs on either database. [any-thread]
class SqlSecretStore final : public SecretStore {
public:
    explicit SqlSecretStore(SqlSource& source) : _source(source) {}

    std::vector<SealedSecret> secretsOf(const std::string& jobId) override;
    Change putSecret(const std::string& jobId, const SealedSecret&) override;
    bool deleteSecret(const std::string& jobId, const std::string& name) override;

private:
    SqlSource& _source;
};

} // namespace usher
