/* hk_clock.h -- wall clock, host name, fork generation.
 *
 * getpid and gethostname are system calls (0.14 and 0.2 us), so callers cache their results. The
 * fork generation costs one load and tells whether a cached result belongs to the parent process.
 * The only state is that counter, which is atomic. Includes: hk_status.h. */
#ifndef HK_CLOCK_H
#define HK_CLOCK_H

#include "hk_status.h"

#define HK_HOSTNAME_MAX 256u /* bytes, the final NUL included; POSIX allows 255 */

/* Nanoseconds since the epoch, wall clock. */
int64_t hk_clock_now(void);

/* Registers the fork handler, once per process; call it before hk_fork_generation.
 * HK_ERR_NOMEM when the C library cannot register it. */
HK_CHECK hk_status hk_clock_init(void);

/* The number of forks from the process that called hk_clock_init to this one. A value that was
 * cached under another number belongs to the parent process. */
unsigned hk_fork_generation(void);

/* Writes the host name, NUL-terminated, and returns its length; empty when gethostname fails. */
size_t hk_hostname(char out[HK_HOSTNAME_MAX]);

#endif
