#pragma once

#include "domain/Authenticator.h"
#include "domain/Refusal.h"

namespace usher {

/// Refusals that several use cases speak.
Refusal storageUnavailable();
/// A plugin does not answer.
Refusal authorizationUnavailable();
/// A verdict that did not allow, as a refusal.
Refusal refusalOf(const Verdict& verdict);

} // namespace usher
