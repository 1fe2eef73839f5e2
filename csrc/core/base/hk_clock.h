/* hk_clock.h -- the time, and what a process knows of itself.
 *
 * getpid and gethostname are system calls (0.14 and 0.2 us), so callers keep the answers; the fork
 * generation tells them in one load when a kept answer belongs to the parent process.
 * The only state is that counter, atomic. Includes: hk_status.h. */
#ifndef HK_CLOCK_H
#define HK_CLOCK_H

#include "hk_status.h"

#define HK_HOSTNAME_MAX 256u /* bytes, the final NUL included; POSIX allows 255 */

/* Nanoseconds since the epoch, wall clock. */
int64_t hk_clock_now(void);

/* Registers the fork handler, once per process; call before any of the counters is used.
 * HK_ERR_NOMEM when the C library cannot register it. */
HK_CHECK hk_status hk_clock_init(void);

/* Counts the forks between the first process and this one: what was kept under another number is
 * the parent's. */
unsigned hk_fork_generation(void);

/* The host name, NUL-terminated, and its length; empty when the system will not tell. */
size_t hk_hostname(char out[HK_HOSTNAME_MAX]);

#endif
