#pragma once

#include "domain/Run.h"
#include "domain/SecretStore.h"

#include <optional>
#include <string>
#include <vector>

namespace usher {

/// Secrets of jobs: stored encrypted, given to tests, never shown again. [any-thread] Calls that reach the
/// database may throw StorageUnavailable.
class JobSecrets {
public:
    static constexpr std::size_t kMostBytes = 32 * 1024;

    /// `key`: 32 bytes, or empty where no key is configured; then nothing can be set, and nothing opened.
    JobSecrets(std::string key, SecretStore& store, const Clock& clock)
        : _key(std::move(key)), _store(store), _clock(clock) {}

    /// [A-Z_][A-Z0-9_]{0,63}, and none of the names that the system itself uses.
    static bool isName(const std::string& name);

    bool configured() const { return !_key.empty(); }
    /// For what else is kept sealed under our key: base64, bound to that row's id.
    std::string sealFor(const std::string& id, const std::string& value) const;
    /// Without values: `sealed` is empty.
    std::vector<SealedSecret> list(const std::string& jobId);
    SecretStore::Change set(const std::string& jobId, const std::string& name, const std::string& value);
    bool remove(const std::string& jobId, const std::string& name);
    /// All of a job, for its tests. Throws std::runtime_error when one cannot be opened with this key.
    Environment open(const std::string& jobId);

private:
    const std::string _key;
    SecretStore& _store;
    const Clock& _clock;
};

} // namespace usher
