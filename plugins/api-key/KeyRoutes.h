#pragma once

#include "HardenStore.h"
#include "KeyAdminStore.h"

#include <usher/auth.hpp>

namespace usher::apikey {

/// The endpoints under /api/jobs/{id}/api-keys, and /api/api-keys/harden. The host has asked its chain
/// already whether the caller may do this; here it is only done, and written to the audit log.
/// [check-thread], several at once
class KeyRoutes {
public:
    enum Route : std::uint32_t { list, create, update, remove, rotate, harden };
    static std::vector<auth::Route> routes(); ///< in the order of Route
    static std::string openapiPaths();

    KeyRoutes(auth::Host host, KeyAdminStore& store, HardenStore& hardening)
        : _host(host), _store(store), _hardening(hardening) {}

    auth::HttpResponse handle(const auth::HttpRequest& request);

private:
    auth::HttpResponse dispatch(const auth::HttpRequest& request, const std::string& job,
                                const std::string& key, auth::Deadline deadline);
    auth::HttpResponse hardenSome(const auth::HttpRequest& request, auth::Deadline deadline);
    void audit(const auth::HttpRequest& request, const std::string& resource, const std::string& detail);

    const auth::Host _host;
    KeyAdminStore& _store;
    HardenStore& _hardening;
};

} // namespace usher::apikey
