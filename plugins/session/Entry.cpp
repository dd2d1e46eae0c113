#include "session/SessionPlugin.h"

using UsherSession = usher::session::SessionPlugin;
USHER_AUTH_PLUGIN(UsherSession, "session", "0.1.0", "Usher")
