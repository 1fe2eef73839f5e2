/* failing.h -- an allocator whose n-th allocation fails.
 *
 * Linked with -Wl,--wrap, so that the core's own calls of malloc, calloc and realloc come here;
 * libcrypto's come by CRYPTO_set_mem_functions, protobuf-c's by the core's arena. */
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>

/* Puts libcrypto on the failing allocator; before anything else is asked of it. */
bool failing_start(void);

/* Allocations from here on: `after` more succeed, then one fails and all behind it succeed again
 * (once), or all fail (from there on). */
void failing_arm(unsigned long after, bool once);

/* No more failures. True when at least one allocation has failed since failing_arm. */
bool failing_disarm(void);

#endif
