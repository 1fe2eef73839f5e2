/* hk_send.h -- one non-blocking send on a connected socket.
 *
 * POSIX only; no allocation, no state, reentrant. Includes: hk_status.h. */
#ifndef HK_SEND_H
#define HK_SEND_H

#include <errno.h>
#include <sys/socket.h>

#include "core/base/hk_status.h"

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* macOS: the socket has SO_NOSIGPIPE instead */
#endif

/* Sends data[0..len) without waiting; repeats the call after EINTR. Bytes taken, or -1 with errno;
 * never raises SIGPIPE. Inline: each call of heka.log makes it. */
static inline ssize_t
hk_send_now(int fd, const uint8_t *data, size_t len)
{
    ssize_t n;
    do {
        n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (HK_UNLIKELY(n < 0) && errno == EINTR);
    return n;
}

/* Whether the connection can still be used after that errno: it has no room now, or the datagram is
 * too large. */
bool hk_send_is_passing(int error);

#endif
