#pragma once

#include "common/Mutex.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

namespace usher::oidc {

/// Why nothing was had; for the operator.
class FetchFailed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One GET at a time, by one thread, over HTTP or HTTPS (TLS 1.2 or newer), each with a connection of its
/// own. Redirects and proxies are not followed, and at most 256 KiB are taken.
class Fetch {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    /// `authorities`: certificates in PEM that are trusted instead of the system's; empty: the system's.
    explicit Fetch(std::string authorities);
    ~Fetch();

    /// The body of a 200, all of it before `until`, names resolved and all. Throws FetchFailed.
    std::string get(const std::string& url, Deadline until);
    /// Ends a get() that is under way, and all that come later. [any-thread]
    void abort();

private:
    const std::string _authorities;
    std::atomic<bool> _aborted{false};
    plugin::Mutex _mutex;
    void* _running PLUGIN_GUARDED_BY(_mutex) = nullptr; ///< what abort() wakes: the library's handle, or null
};

} // namespace usher::oidc
