/* send.h -- one non-blocking send on a connected descriptor, with the GIL kept.
 *
 * Beside one busy thread a send that gives the GIL away waits a whole switch interval to get it
 * back: 5.2 ms at the median, against 4 us for MSG_DONTWAIT with the GIL kept. So the hot path is
 * here, and only what would block, or fails, goes to Python. */
#ifndef HEKA_SEND_H
#define HEKA_SEND_H

#include "core/hk_wire.h"
#include "ring.h"
#include "state.h"
#include "writer.h"

/* One destination as the hot path sees it.
 *
 * A connection that the hot path does not have belongs to at most one call, known by its ticket:
 * either that call wrote the first part of a frame, or it came to Python and asked. So nobody else
 * writes, closes or attaches meanwhile, and a call that ends without giving the connection up (a
 * KeyboardInterrupt may come between any two lines of Python) is noticed here. */
typedef struct HekaSink {
    PyObject_HEAD
    PyObject *deliver; /* owned: the way through Python, see deliver() in send.c */
    PyObject *dropped; /* owned dict: reason -> count */
    PyObject *stream;  /* owned: its write() takes every frame; NULL: the descriptor does */
    PyObject *failed;  /* owned: told what write() raised, says the reason; NULL without stream */
    HekaRing *ring;    /* owned: the queue that takes every frame, and counts it; NULL: none does */
    bool flushes;      /* the stream has flush() */
    bool discards;     /* every frame is counted as sent, and goes nowhere */
    heka_writing writing;
    int fd;              /* connected and not ours to close; -1: go to Python. Then: no owner */
    unsigned generation; /* fork generation that attached fd */
    bool datagram;
    bool framed;      /* false: bare messages, one a datagram */
    bool torn;        /* to be closed first: sending on it failed, or its last owner ended without
                         a word and the peer may have half a frame */
    bool closed;      /* nothing is to be sent here any more; whoever looks it up asks anew */
    size_t max_frame; /* bytes; 0: no limit but that of a message */
    uint64_t tickets; /* how many were given out; the last one's number */
    uint64_t owner;   /* ticket of the call that has the connection; 0: none */
    uint64_t pending; /* calls that are on their way through Python */
    uint64_t sent;    /* frames that the kernel has */
    uint64_t bytes;   /* of those frames */
    uint64_t lost;    /* frames dropped: the sum of the counts in dropped */
} HekaSink;

/* Sends data[0..len) within timeout seconds: 1 the kernel has it, 0 dropped and counted, -1 an
 * exception that is no Exception (KeyboardInterrupt); counted too. */
int heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout);

/* Counts one frame offered and dropped. 0, or -1 with MemoryError. */
int heka_sink_drop(HekaSink *sink, const char *reason);

/* The same for a reason that is a str. */
int heka_sink_drop_object(HekaSink *sink, PyObject *reason);

/* Counts one frame of len bytes as sent. */
void heka_sink_count(HekaSink *sink, size_t len);

/* Counts one frame as dropped for the exception that is set. An Exception is a bug, said and not
 * raised: 0; anything else (KeyboardInterrupt, SystemExit) is the caller's: -1, and still set. */
int heka_sink_settle_exception(HekaSink *sink);

#endif
