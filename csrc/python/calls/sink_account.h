/* sink_account.h -- counts the frames of a sink that were sent or dropped. */
#ifndef HEKA_SINK_ACCOUNT_H
#define HEKA_SINK_ACCOUNT_H

#include "sink_object.h"

/* Counts one frame offered and dropped. 0, or -1 with MemoryError. */
int heka_sink_drop(HekaSink *sink, const char *reason);

/* The same for a reason that is a str. */
int heka_sink_drop_object(HekaSink *sink, PyObject *reason);

/* The same; the caller is in a critical section of the sink, and calls heka_sink_tell_drop() after
 * it. 0, or -1 with an exception, and then the frame is not counted. */
int heka_sink_count_drop(HekaSink *sink, PyObject *reason);

/* Calls on_drop, if there is one. Keeps the current exception, and raises none. */
void heka_sink_tell_drop(HekaSink *sink, PyObject *reason);

/* Counts one frame of len bytes as sent. */
void heka_sink_count(HekaSink *sink, size_t len);

/* Counts one frame as dropped because of the current exception. An Exception is a bug: it is
 * reported as unraisable and cleared, 0. Any other one (KeyboardInterrupt, SystemExit) stays set
 * for the caller, -1. */
int heka_sink_count_exception(HekaSink *sink);

#endif
