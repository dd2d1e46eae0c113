#include "app/JobSecrets.h"

#include "app/TriggerBody.h"
#include "base/Seal.h"
#include "base/Text.h"
#include "base/Uuid.h"

#include <stdexcept>

namespace usher {

bool JobSecrets::isName(const std::string& name) {
    Parameter parameter;
    parameter.name = name;
    return !ParameterRules::problemWith(parameter);
}

std::vector<SealedSecret> JobSecrets::list(const std::string& jobId) {
    std::vector<SealedSecret> secrets = _store.secretsOf(jobId);
    for (SealedSecret& secret : secrets) secret.sealed.clear();
    return secrets;
}

std::string JobSecrets::sealFor(const std::string& id, const std::string& value) const {
    return toBase64(seal(_key, value, id));
}

SecretStore::Change JobSecrets::set(const std::string& jobId, const std::string& name,
                                    const std::string& value) {
    SealedSecret secret;
    secret.id = createUuid();
    secret.name = name;
    secret.sealed = sealFor(secret.id, value);
    secret.updatedAt = _clock.now();
    return _store.putSecret(jobId, secret);
}

bool JobSecrets::remove(const std::string& jobId, const std::string& name) {
    return _store.deleteSecret(jobId, name);
}

Environment JobSecrets::open(const std::string& jobId) {
    Environment secrets;
    for (const SealedSecret& secret : _store.secretsOf(jobId)) {
        if (!configured())
            throw std::runtime_error("the job has secrets, and this node has no [secrets] key_file");
        const auto sealed = fromBase64(secret.sealed);
        auto value = sealed ? unseal(_key, *sealed, secret.id) : std::nullopt;
        if (!value)
            throw std::runtime_error("secret " + secret.name +
                                     " was encrypted with another key than this node's [secrets] key_file");
        secrets[secret.name] = std::move(*value);
    }
    return secrets;
}

} // namespace usher
