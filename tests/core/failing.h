/* failing.h -- an allocator whose n-th allocation fails.
 *
 * Linked with -Wl,--wrap, so that the core's own calls of malloc, calloc and realloc come here;
 * libcrypto's come by CRYPTO_set_mem_functions, protobuf-c's by the core's arena. */
#ifndef FAILING_H
#define FAILING_H

#include <stdbool.h>

/* Makes libcrypto use the failing allocator; call it before any other function of libcrypto. */
bool failing_start(void);

/* From now on `after` allocations succeed; then one fails and the later ones succeed again
 * (`once`), or all later ones fail. */
void failing_arm(unsigned long after, bool once);

/* Ends the failures. True when at least one allocation has failed since failing_arm. */
bool failing_disarm(void);

#endif
