#pragma once

#include "KeyAdminStore.h"

#include <usher/auth.hpp>

namespace usher::apikey {

/// The endpoints under /api/jobs/{id}/api-keys. The host has asked its chain already whether the caller may
/// do this; here it is only done, and written to the audit log. [check-thread], several at once
class KeyRoutes {
public:
    enum Route : std::uint32_t { list, create, update, remove, rotate };
    static std::vector<auth::Route> routes(); ///< in the order of Route
    static std::string openapiPaths();

    KeyRoutes(auth::Host host, KeyAdminStore& store) : _host(host), _store(store) {}

    auth::HttpResponse handle(const auth::HttpRequest& request);

private:
    auth::HttpResponse dispatch(const auth::HttpRequest& request, const std::string& job,
                                const std::string& key, auth::Deadline deadline);
    void audit(const auth::HttpRequest& request, const std::string& job, const std::string& key,
               const std::string& detail);

    const auth::Host _host;
    KeyAdminStore& _store;
};

} // namespace usher::apikey
