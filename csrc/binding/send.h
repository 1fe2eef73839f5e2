/* send.h -- one non-blocking send on a connected descriptor, with the GIL kept.
 *
 * Beside one busy thread a send that gives the GIL away waits a whole switch interval to get it
 * back: 5.2 ms at the median, against 4 us for MSG_DONTWAIT with the GIL kept. So the hot path is
 * here, and only what would block, or fails, goes to Python. */
#ifndef HEKA_SEND_H
#define HEKA_SEND_H

#include "core/hk_wire.h"
#include "state.h"

/* One destination as the hot path sees it. */
typedef struct {
    PyObject_HEAD
    PyObject *deliver;   /* owned: deliver(frame, written, errno, timeout) -> bool, in Python */
    PyObject *dropped;   /* owned dict: reason -> count */
    int fd;              /* connected and not ours to close; -1: go to Python */
    unsigned generation; /* fork generation that attached fd */
    bool datagram;
    bool framed;      /* false: bare messages, one a datagram */
    bool busy;        /* part of a frame is written: only who began it may write */
    size_t max_frame; /* bytes; 0: no limit but that of a message */
    uint64_t offered; /* frames handed in */
    uint64_t sent;    /* frames that the kernel has */
    uint64_t bytes;   /* of those frames */
} HekaSink;

/* Sends data[0..len) within timeout seconds: 1 the kernel has it, 0 dropped and counted, -1 an
 * exception that is no Exception (KeyboardInterrupt). */
int heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout);

/* Counts one frame offered and dropped. 0, or -1 with MemoryError. */
int heka_sink_drop(HekaSink *sink, const char *reason);

#endif
