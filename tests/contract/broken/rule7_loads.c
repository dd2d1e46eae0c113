/* Rule 7: changes what a signal does to the daemon as soon as it is loaded. */
#include <usher/auth.h>

#include <signal.h>

#include "broken.h"

__attribute__((constructor)) static void at_load(void) {
    signal(SIGHUP, SIG_IGN);
}
