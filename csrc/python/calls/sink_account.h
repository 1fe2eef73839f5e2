/* sink_account.h -- what became of the frames that a sink was given. */
#ifndef HEKA_SINK_ACCOUNT_H
#define HEKA_SINK_ACCOUNT_H

#include "sink_object.h"

/* Counts one frame offered and dropped. 0, or -1 with MemoryError. */
int heka_sink_drop(HekaSink *sink, const char *reason);

/* The same for a reason that is a str. */
int heka_sink_drop_object(HekaSink *sink, PyObject *reason);

/* Counts one frame dropped, in a critical section of the sink. 0, or -1 with an exception, and then
 * it is not counted at all. */
int heka_sink_count_drop(HekaSink *sink, PyObject *reason);

/* Counts one frame of len bytes as sent. */
void heka_sink_count(HekaSink *sink, size_t len);

/* Counts one frame as dropped for the exception that is set. An Exception is a bug, said and not
 * raised: 0; anything else (KeyboardInterrupt, SystemExit) is the caller's: -1, and still set. */
int heka_sink_settle_exception(HekaSink *sink);

#endif
