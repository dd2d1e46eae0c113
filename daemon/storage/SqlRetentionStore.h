#pragma once

#include "domain/RetentionStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// What is old, on either database. [any-thread]
class SqlRetentionStore final : public RetentionStore {
public:
    explicit SqlRetentionStore(SqlSource& source) : _source(source) {}

    std::vector<std::string> findOlder(int keepDays, const std::string& nodeId, Micros now,
                                       int atMost) override;
    std::vector<std::string> findBeyond(int keepRuns, const std::string& nodeId, Micros now, int atMost,
                                        std::string& job) override;
    int deleteRuns(std::span<const std::string> runIds) override;
    std::vector<std::string> deletedOf(std::span<const std::string> runIds) override;

private:
    std::vector<std::string> find(const std::string& which, const std::string& nodeId, Micros now,
                                  const SqlValue& fourth, int atMost);

    SqlSource& _source;
};

} // namespace usher
