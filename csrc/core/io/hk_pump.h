/* hk_pump.h -- sends frames from a queue to a connected socket, without an interpreter, until an
 * event that the caller must handle.
 *
 *     wait for frames -> linger for more -> take a batch -> send it -> acknowledge frames
 *
 * A stream's frames stay in the queue until the peer's kernel has acknowledged them. The system
 * reports how many bytes in the socket are unacknowledged: SIOCOUTQ on Linux, FIONWRITE on the
 * BSDs, SO_NWRITE on macOS. A datagram counts as delivered when our kernel has taken it. */
#ifndef HEKA_PUMP_H
#define HEKA_PUMP_H

#include <stdatomic.h>

#include "core/queue/hk_queue.h"

/* State kept between two runs on the same connection; all zero: nothing is in flight. */
typedef struct {
    size_t in_flight; /* bytes written to a stream, not acknowledged at the last check */
    int64_t progress; /* when a byte was taken or acknowledged */
    size_t single;    /* frames that are sent one a datagram, as they were too large together */
} heka_pump_state;

typedef struct {
    int fd;                   /* borrowed: connected, non-blocking or not */
    size_t datagram;          /* bytes of whole frames that share a datagram; 0: a stream */
    int64_t linger_ns;        /* how long frames wait for others, to be sent with them */
    int64_t write_timeout_ns; /* the peer must take or acknowledge a byte in this time */
    int64_t idle_ns;          /* the run returns after this time at the latest */
    atomic_bool *interrupted; /* true: return at once, even within a batch, which fails then */
    heka_pump_state *state;   /* read at the beginning of a run, written at its end */
} heka_pump;

typedef enum {
    HEKA_PUMP_TICK,        /* idle_ns is over */
    HEKA_PUMP_INTERRUPTED, /* between two batches */
    HEKA_PUMP_DRAINED,     /* the queue is closed, and all its frames are acknowledged */
    HEKA_PUMP_CLOSED,      /* the peer has closed the connection */
    HEKA_PUMP_FAILED,      /* see `error`; close the connection, it may hold part of a frame */
} heka_pump_event;

typedef struct {
    heka_pump_event event;
    int error;      /* errno of a failure */
    uint64_t bytes; /* that the kernel took */
} heka_pump_result;

/* Call it without the GIL. When the connection fails or the peer closes it, the frames that are not
 * acknowledged are rewound: the next take returns them again. */
heka_pump_result heka_pump_run(hk_queue *queue, const heka_pump *p);

/* Bytes written to the stream socket `fd` that its peer has not acknowledged; 0 when the system
 * cannot report it. False: fd is no open socket, see errno. */
bool heka_pump_outstanding(int fd, size_t *left);

/* Whether the peer of a stream socket has closed the connection in good order. Data that it has
 * sent before does not hide it; an error, such as a reset, is left for the next send. */
bool heka_pump_has_hung_up(int fd);

/* Takes the pending error of the socket `fd`, an errno; 0: none. */
int heka_pump_pending_error(int fd);

#endif
