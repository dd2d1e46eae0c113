#pragma once

#include "domain/RetentionStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// What is old, on either database. [any-thread]
class SqlRetentionStore final : public RetentionStore {
public:
    explicit SqlRetentionStore(SqlSource& source) : _source(source) {}

    std::vector<std::string> findExpired(const RetentionRules&, const std::string& nodeId, Micros now,
                                         int atMost) override;
    int deleteRuns(std::span<const std::string> runIds) override;
    std::vector<std::string> deletedOf(std::span<const std::string> runIds) override;

private:
    SqlSource& _source;
};

} // namespace usher
