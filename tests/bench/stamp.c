/*
 * An interpreter that says when it began: CLOCK_REALTIME in nanoseconds. Linked statically, so that a
 * loader's work on shared libraries is not counted as the daemon's.
 */
#include <stdio.h>
#include <time.h>

int main(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 1;
    printf("%lld\n", (long long)now.tv_sec * 1000000000LL + now.tv_nsec);
    return 0;
}
