/* sink_object.h -- the type Sink as its files see it: a destination on the hot path. */
#ifndef HEKA_SINK_OBJECT_H
#define HEKA_SINK_OBJECT_H

#include "python/queue/ring.h"
#include "writer.h"

/* One destination as the hot path sees it.
 *
 * A connection that the hot path does not have belongs to at most one call, known by its ticket:
 * either that call wrote the first part of a frame, or it came to Python and asked. So nobody else
 * writes, closes or attaches meanwhile, and a call that ends without giving the connection up (a
 * KeyboardInterrupt may come between any two lines of Python) is noticed here. */
typedef struct HekaSink {
    PyObject_HEAD
    PyObject *deliver;   /* owned: the way through Python, see deliver() in send.c */
    PyObject *dropped;   /* owned dict: reason -> count */
    HekaRing *ring;      /* owned: the queue that takes and counts every frame; NULL: none */
    heka_writer writer;  /* where an object's write() takes every frame; without one, the descriptor
                            does */
    bool discards;       /* every frame is counted as sent, and goes nowhere */
    int fd;              /* connected and not ours to close; -1: go to Python. Then: no owner */
    unsigned generation; /* fork generation that attached fd */
    bool datagram;
    bool framed; /* false: bare messages, one a datagram */
    bool torn;   /* to be closed first: sending on it failed, or its last owner ended without
                    release(), and the peer may have half a frame */
    bool closed; /* nothing is to be sent here any more; whoever looks it up asks Python again */
    size_t max_frame; /* bytes; 0: no limit but that of a message */
    uint64_t tickets; /* how many were issued; the last one's number */
    uint64_t owner;   /* ticket of the call that has the connection; 0: none */
    uint64_t pending; /* calls that are in deliver() */
    uint64_t sent;    /* frames that the kernel has */
    uint64_t bytes;   /* of those frames */
    uint64_t lost;    /* frames dropped: the sum of the counts in dropped */
} HekaSink;

#endif
