/* writer.h -- frames for an object with write(): a stream of the program's own. */
#ifndef HEKA_WRITER_H
#define HEKA_WRITER_H

#include "sink_object.h"

void heka_writing_free(heka_writing *writing);

/* Calls stream.write(data), and stream.flush() where there is one. len: bytes to count.
 * 1 written, 0 dropped and counted (write() said False, or what it raised went to `failed`), -1 an
 * exception that is no Exception (KeyboardInterrupt); counted too. */
int heka_stream_write(heka_state *state, HekaSink *sink, PyObject *data, size_t len);

#endif
