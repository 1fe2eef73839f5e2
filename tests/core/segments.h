/* segments.h -- the segments of a queue on disk, in a pool in memory: for the model.
 *
 * hk_journal_open, hk_segment_create and hk_segment_close come here through the linker. A segment
 * that is closed is overwritten at once, so who still reads it is found out. What is removed,
 * renamed or cut, nobody sees. Includes: hk_queue.h, model.h. */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "core/queue/hk_queue.h"
#include "model.h"

#define SEGMENT_BYTES 64u /* of a segment */

void segments_keep(void);  /* before the run: the pool belongs to the state */
void segments_spoil(void); /* in a forked child, where nothing is mapped */

/* The frames that lie in the segments are those that are counted, and the cursor is never ahead of
 * them. At the end: no segment was lost. */
void segments_check(const struct hk_queue_guarded *in, bool at_end);

void segments_mix(model_hash *at, const hk_journal *j);

#endif
