/* sink_object.h -- the struct of the type Sink, a destination on the hot path. */
#ifndef HEKA_SINK_OBJECT_H
#define HEKA_SINK_OBJECT_H

#include "python/queue/ring.h"
#include "writer.h"

/* A destination on the hot path.
 *
 * The connection is used either by the hot path (fd >= 0, owner == 0), or by the one call whose
 * ticket is `owner`. A call becomes the owner when the hot path has sent only part of its frame, or
 * by acquire(). Only the owner writes, closes or attaches. When deliver() returns, send.c checks
 * whether its call is still the owner: a KeyboardInterrupt may end it between any two lines of
 * Python, without release(). */
typedef struct HekaSink {
    PyObject_HEAD
    PyObject *deliver;   /* owned: called with frames that cannot be sent here, see send.c */
    PyObject *dropped;   /* owned dict: reason -> count */
    PyObject *on_drop;   /* owned: called with the reason of each drop; NULL: none */
    HekaRing *ring;      /* owned: the queue that takes and counts every frame; NULL: none */
    heka_writer writer;  /* if it has a stream, every frame is passed to that stream's write() */
    bool discards;       /* every frame is counted as sent, but not sent */
    int fd;              /* borrowed unless keeps_fd, connected; -1: call deliver() */
    unsigned generation; /* fork generation that attached fd */
    bool datagram;
    bool udp;         /* a datagram is sent first and refused later */
    bool has_refused; /* deliver() need not be called any more to report the first refusal */
    bool keeps_fd;    /* fd is owned: at the end of the interpreter it is closed with the sink */
    bool framed;      /* false: bare messages, one a datagram */
    bool torn; /* the connection must be closed before use: sending failed, or its last owner ended
                  without release(), and the peer may have received part of a frame */
    bool hung_up;       /* it is torn because the peer closed it while nothing was sent */
    bool closed;        /* nothing is sent any more; the emitter asks Python for another sink */
    int64_t written_at; /* wall clock, ns; 0: no frame yet. Of the last frame on this connection; of
                           datagrams, the time from which refresh_ns counts */
    uint64_t refresh_ns; /* time after which deliver() gets a datagram, to resolve the name again */
    size_t max_frame;    /* bytes; 0: no limit but that of a message */
    uint64_t tickets;    /* how many were issued; the last one's number */
    uint64_t owner;      /* ticket of the call that owns the connection; 0: none */
    uint64_t pending;    /* calls that are in deliver() */
    uint64_t sent;       /* frames that the kernel has */
    uint64_t bytes;      /* of those frames */
    uint64_t lost;       /* frames dropped: the sum of the counts in dropped */
    uint64_t refused;    /* datagrams that the kernel reported as refused (ECONNREFUSED) */
} HekaSink;

extern PyGetSetDef heka_sink_getset[]; /* sink_attributes.c */

#endif
