#pragma once

#include "domain/Authenticator.h"
#include "domain/Refusal.h"

namespace usher {

/// Refusals that several use cases speak.
Refusal storageUnavailable();
/// A verdict that did not allow, as a refusal.
Refusal refusalOf(const Verdict& verdict);

} // namespace usher
