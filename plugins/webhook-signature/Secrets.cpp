#include "Secrets.h"

#include "common/Crypto.h"
#include "common/Text.h"

#include "usher/auth.hpp"

namespace usher::webhooks {

namespace {

constexpr std::size_t kShortest = 20, kShortestKey = 24;
constexpr std::string_view kStandardPrefix = "whsec_";

template <class Use>
void eachLine(std::string_view text, const char* file, Use use) {
    for (int number = 1; !text.empty(); ++number) {
        const std::string_view whole = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), whole.size() + 1));
        const std::string_view line = plugin::trim(whole);
        if (!line.empty() && line.front() != '#')
            use(line, std::string(file) + ", line " + std::to_string(number));
    }
}

Secret readSecret(std::string_view text, const std::string& where) {
    if (text.size() < kShortest || text.find_first_of(" \t") != std::string_view::npos)
        throw auth::ConfigError(where + ": a secret is one word of at least 20 characters");
    Secret secret{std::string(text), std::string(text)};
    if (text.rfind(kStandardPrefix, 0) == 0) {
        auto key = plugin::fromBase64(text.substr(kStandardPrefix.size()));
        if (!key || key->size() < kShortestKey)
            throw auth::ConfigError(where + ": whsec_ must be followed by 24 bytes or more in base64");
        secret.standardKey = std::move(*key);
    }
    return secret;
}

} // namespace

Secrets Secrets::read(std::string_view everyJob, std::string_view perJob) {
    Secrets secrets;
    eachLine(everyJob, "secret_file", [&](std::string_view line, const std::string& where) {
        secrets._everyJob.push_back(readSecret(line, where));
    });
    eachLine(perJob, "job_secrets_file", [&](std::string_view line, const std::string& where) {
        const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
        const auto job = plugin::parseUuid(line.substr(0, space));
        if (!job) throw auth::ConfigError(where + " must be JOB SECRET, the job by its id");
        secrets._perJob[*job].push_back(readSecret(plugin::trim(line.substr(space)), where));
    });
    return secrets;
}

const std::vector<Secret>& Secrets::of(const std::string& job) const {
    const auto own = _perJob.find(job);
    return own == _perJob.end() ? _everyJob : own->second;
}

} // namespace usher::webhooks
