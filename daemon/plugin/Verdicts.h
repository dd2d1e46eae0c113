#pragma once

#include "domain/Authenticator.h"

#include <usher/auth.h>
#include <usher/ext/http-routes.h>

#include <string>

namespace usher {

/// What a plugin answered to an HTTP request of its own routes.
struct PluginResponse {
    int status = 503;
    std::string contentType;
    std::string body;
    Fields headers; ///< only what the interface allows
};

/// From C to domain. Nothing that is unclear lets anybody in: an unknown decision, a string that is too long,
/// not UTF-8 or has a size and no data, an ALLOW without a principal or with an unknown role become an error
/// verdict whose auditMessage says why. Control characters are cut, headers that are not on the list are
/// dropped, empty texts get their defaults (an ABSTAIN keeps its empty ones: they count only when everybody
/// abstains). `plugin` names it in messages. The pointers are read during the call only. [any-thread]
Verdict readVerdict(const usher_verdict& raw, const std::string& plugin);

/// The verdict of a plugin that cannot be asked or did not answer: 503 AUTH_UNAVAILABLE; `reason` is for the
/// log.
Verdict unavailableVerdict(std::string reason);

/// Same for a response; one that makes no sense becomes 503, with the reason in `problem`.
PluginResponse readResponse(const usher_http_response& raw, const std::string& requestId,
                            std::string& problem);
/// 503 AUTH_UNAVAILABLE in the shape of every error.
PluginResponse unavailableResponse(const std::string& requestId);

} // namespace usher
