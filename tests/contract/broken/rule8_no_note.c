/* Rule 8: no note, so usherd would have to run it to know what it is. */
#include <usher/auth.h>
#undef USHER_AUTH_NOTE
#define USHER_AUTH_NOTE(id, version)
#include "broken.h"
