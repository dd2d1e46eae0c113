#pragma once

#include "domain/Authenticator.h"

namespace usher::bench {

/// Does it hurt the others when one call in ten hangs to its deadline? `plugin` is tests/faults' misbehave.
/// Prints the p99 of the others with and without, and the quotient with what chance alone makes of it. 1.2 s
/// a pair.
void measureHanging(const char* what, Authenticator& plugin, int pairs);

} // namespace usher::bench
