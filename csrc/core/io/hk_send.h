/* hk_send.h -- one non-blocking send on a connected socket.
 *
 * POSIX only; no allocation, no state, reentrant. Includes: hk_status.h. */
#ifndef HK_SEND_H
#define HK_SEND_H

#include <sys/types.h>

#include "core/base/hk_status.h"

/* Offers data[0..len) to the kernel, again after a signal. Bytes taken, or -1 with errno; never
 * waits, never raises SIGPIPE. */
ssize_t hk_send_now(int fd, const uint8_t *data, size_t len);

/* Whether the connection is as good as before that errno: it has no room now, or not for a datagram
 * of that size. */
bool hk_send_is_passing(int error);

#endif
