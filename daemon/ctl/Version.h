#pragma once

namespace usher::ctl {

/// What `usherctl --version` says and what its requests carry as User-Agent.
inline const char* version() {
#ifdef USHER_VERSION
    return USHER_VERSION;
#else
    return "0.1.0";
#endif
}

} // namespace usher::ctl
