/* Rule 8: its note says one thing and its entry another. */
#define ENTRY_ID "somebody-else"
#include "broken.h"
