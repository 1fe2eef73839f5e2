/* send.h -- one non-blocking send on a connected descriptor, with the GIL kept.
 *
 * Beside one busy thread a send that gives the GIL away waits a whole switch interval to get it
 * back: 5.2 ms at the median, against 4 us for MSG_DONTWAIT with the GIL kept. So the hot path is
 * here, and only what would block, or fails, goes to Python. */
#ifndef HEKA_SEND_H
#define HEKA_SEND_H

#include "sink_object.h"

/* Sends data[0..len) within timeout seconds: 1 the kernel has it, 0 dropped and counted (or, by a
 * stream that took a part, kept and counted as queued), -1 an exception that is no Exception
 * (KeyboardInterrupt); counted too. The caller holds a reference to the sink. */
int heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout);

/* The same for a sink with a stream: gives data to its write(). */
int heka_sink_write_object(HekaSink *sink, PyObject *data, double timeout);

/* Has the stream take the rest of a frame, within timeout seconds. 1 nothing is left, 0 some is,
 * -1 an exception that is no Exception. */
int heka_sink_finish(HekaSink *sink, double timeout);

/* Gives up the rest of a frame, counted as dropped. 0, or -1 with MemoryError. */
int heka_sink_abandon_rest(HekaSink *sink);

#endif
