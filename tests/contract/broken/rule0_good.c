/* Nothing is wrong with this one: what the others are compared with. */
#include "broken.h"
