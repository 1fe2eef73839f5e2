/* send.h -- one non-blocking send on a connected descriptor, without releasing the GIL.
 *
 * While another thread is busy, a send that releases the GIL waits a whole switch interval to get
 * it back: 5.2 ms at the median, against 4 us for MSG_DONTWAIT with the GIL held. So the hot path
 * sends here, and calls Python only when the send would block or fails. */
#ifndef HEKA_SEND_H
#define HEKA_SEND_H

#include "sink_object.h"

/* Sends data[0..len) within timeout seconds. 1: the kernel has it. 0: it is dropped and counted; or
 * a stream took part of it, and the rest is kept and counted as queued. -1: an exception that is no
 * Exception (KeyboardInterrupt); counted too. clock: the wall clock in ns, if the
 * caller has just read it; else 0. The caller holds a reference to the sink. */
int heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout, int64_t clock);

/* The same for a sink with a stream: passes data to its write(). */
int heka_sink_write_object(HekaSink *sink, PyObject *data, double timeout);

/* Writes the rest of a frame to the stream, within timeout seconds. 1 nothing is left, 0 some is
 * left, -1 an exception that is no Exception. */
int heka_sink_finish(HekaSink *sink, double timeout);

/* Gives up the rest of a frame, counted as dropped. 0, or -1 with MemoryError. */
int heka_sink_abandon_rest(HekaSink *sink);

#endif
