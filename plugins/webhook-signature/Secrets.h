#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace usher::webhooks {

/// A secret as its owner wrote it, and as Standard Webhooks uses it: there `whsec_` stands before a key in
/// base64.
struct Secret {
    std::string text, standardKey;
};

/// The secrets that senders share with us: for every job, and for one. Several of a kind are all good: so one
/// is changed without a gap. Never changed after it was read. [any-thread]
class Secrets {
public:
    /// `everyJob`: a secret a line; `perJob`: lines `JOB SECRET`. Empty lines and lines that begin with # do
    /// not count. Throws auth::ConfigError, which names the line and nothing of what it holds.
    static Secrets read(std::string_view everyJob, std::string_view perJob);

    /// Those that may sign for this job: its own when it has any, else those for every job.
    const std::vector<Secret>& of(const std::string& job) const;
    bool empty() const { return _everyJob.empty() && _perJob.empty(); }

private:
    std::vector<Secret> _everyJob;
    std::map<std::string, std::vector<Secret>> _perJob;
};

} // namespace usher::webhooks
