#include "session/SessionPlugin.h"

namespace usher::session {

std::string SessionPlugin::openapiPaths() {
    return "{}";
}

} // namespace usher::session
