#pragma once

#include "domain/Authenticator.h"
#include "domain/Refusal.h"
#include "domain/Run.h"
#include "http/Admission.h"

#include <memory>
#include <optional>
#include <string>

namespace usher {

/// A routed request on its way through authorisation to its endpoint. Held by whoever works on it now.
struct Context {
    std::shared_ptr<Exchange> exchange;
    Fields params;                               ///< of the path, percent-decoded
    Fields query;                                ///< percent-decoded, in order
    std::shared_ptr<const AuthRequest> question; ///< what the chain was asked; null on open routes
    Principal principal;                         ///< who was let in
    std::shared_ptr<Admission> admission;        ///< the exchange of a guarded route, else null
    std::optional<Run> run;                      ///< loaded before the question, for actions on a run

    const HttpRequest& request() const { return exchange->request(); }
    const std::string& param(std::string_view name) const;
    /// The first value of a query field; nothing when absent.
    std::optional<std::string> queryValue(std::string_view name) const;

    bool reply(Reply reply) { return exchange->reply(std::move(reply)); }
    bool refuse(const Refusal& refusal);
};

/// Common refusals of endpoints.
Refusal badRequest(std::string field, std::string message);
Refusal notFound(const std::string& what, const std::string& code);

} // namespace usher
