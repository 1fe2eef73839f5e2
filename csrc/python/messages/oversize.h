/* oversize.h -- what becomes of a message that is too large for its destination. */
#ifndef HEKA_OVERSIZE_H
#define HEKA_OVERSIZE_H

#include "core/base/hk_buffer.h"
#include "python/base/state.h"

typedef enum { HEKA_OVERSIZE_TRUNCATE, HEKA_OVERSIZE_DROP, HEKA_OVERSIZE_RAISE } heka_oversize;

/* Cuts the payload of the message out->data[start..len) so that it has at most `limit` bytes, and
 * adds the field heka.truncated with the payload's original size in bytes: `original`, or its size
 * here when that is 0.
 * 1 done, 0 it cannot be cut (its type's payload has a structure, or the rest alone is too large),
 * -1 with MemoryError. */
int heka_truncate(hk_buffer *out, size_t start, size_t limit, size_t original);

#endif
