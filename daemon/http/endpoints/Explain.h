#pragma once

#include "app/AuthChain.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

/// POST /api/auth/explain: what the chain of an action would say, plugin by plugin. `chains` in the order
/// trigger, run, manage; they outlive the router.
struct ExplainChains {
    const AuthChain &trigger, &run, &manage;
};
void addExplainRoute(Router& router, Services& services, ExplainChains chains);

} // namespace usher
