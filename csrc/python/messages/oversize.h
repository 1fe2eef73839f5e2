/* oversize.h -- truncates a message that is too large for its destination. */
#ifndef HEKA_OVERSIZE_H
#define HEKA_OVERSIZE_H

#include "core/base/hk_buffer.h"
#include "python/base/state.h"

typedef enum { HEKA_OVERSIZE_TRUNCATE, HEKA_OVERSIZE_DROP, HEKA_OVERSIZE_RAISE } heka_oversize;

/* Truncates the message out->data[start..len) to at most `limit` bytes. The largest of payload and
 * fields is cut, down to the size of the next, then both, and so on; `original` are the bytes of
 * the whole payload, 0 if it is whole. Adds a field for each part that was cut, its original bytes:
 * heka.truncated for the payload, heka.truncated.NAME for a field. Runs no user code. 1: done. 0:
 * not possible, because messages of its type must not be cut, or the rest alone exceeds the limit.
 * -1 with MemoryError. */
int heka_truncate(hk_buffer *out, size_t start, size_t limit, size_t original);

#endif
