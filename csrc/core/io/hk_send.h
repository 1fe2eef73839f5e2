/* hk_send.h -- one non-blocking send on a connected socket.
 *
 * POSIX only; no allocation, no state, reentrant. Includes: hk_status.h. */
#ifndef HK_SEND_H
#define HK_SEND_H

#include <sys/types.h>

#include "core/base/hk_status.h"

/* Sends data[0..len) without waiting; repeats the call after EINTR. Bytes taken, or -1 with errno;
 * never raises SIGPIPE. */
ssize_t hk_send_now(int fd, const uint8_t *data, size_t len);

/* Whether the connection can still be used after that errno: it has no room now, or the datagram is
 * too large. */
bool hk_send_is_passing(int error);

#endif
