/* hk_pump.h -- frames from a queue to a connected socket, without Python: copy a batch, send it,
 * see what has arrived, until there is something that Python has to decide.
 *
 *     wait for frames -> linger for more -> take a batch -> send it -> acknowledge what has left
 *
 * A stream's frames stay in the queue until the peer's kernel has acknowledged them, which the
 * system tells as what is left of them in the socket: SIOCOUTQ on Linux, FIONWRITE on the BSDs,
 * SO_NWRITE on macOS. A datagram has arrived when the kernel has taken it: nobody tells more. */
#ifndef HEKA_PUMP_H
#define HEKA_PUMP_H

#include <stdatomic.h>

#include "core/queue/hk_queue.h"

/* What a run leaves to the next one on the same connection; all zero: nothing is in flight. */
typedef struct {
    size_t in_flight; /* bytes written to a stream that were not acknowledged at the last look */
    int64_t progress; /* when a byte was taken or acknowledged */
    size_t single;    /* frames that are sent one a datagram, as they were too large together */
} heka_pump_past;

typedef struct {
    int fd;                   /* connected, non-blocking or not; stays its owner's */
    size_t datagram;          /* bytes of whole frames that share a datagram; 0: a stream */
    int64_t linger_ns;        /* how long frames wait for others to be sent with */
    int64_t write_timeout_ns; /* without a byte that is taken or acknowledged: the peer is lost */
    int64_t idle_ns;          /* back to Python after this time, whatever happens */
    atomic_bool *interrupted; /* set: back to Python at once, the connection may be given up */
    heka_pump_past *past;     /* of the queue */
} heka_pump;

typedef enum {
    HEKA_PUMP_TICK,        /* idle_ns is over */
    HEKA_PUMP_INTERRUPTED, /* between two batches */
    HEKA_PUMP_DRAINED,     /* the queue is closed, and all that was in it has arrived */
    HEKA_PUMP_CLOSED,      /* the peer has closed the connection */
    HEKA_PUMP_FAILED,      /* see `error`; the connection is of no use, it may hold half a frame */
} heka_pump_event;

typedef struct {
    heka_pump_event event;
    int error;      /* errno of a failure */
    uint64_t bytes; /* that the kernel took */
} heka_pump_result;

/* Without the GIL. What had not arrived when the connection failed, or the peer closed it, is taken
 * again afterwards. */
heka_pump_result heka_pump_run(hk_queue *queue, const heka_pump *p);

/* Bytes written to the stream socket `fd` that its peer has not acknowledged; 0 when the system
 * cannot tell of such a socket. False: no socket is open there, see errno. */
bool heka_pump_outstanding(int fd, size_t *left);

#endif
