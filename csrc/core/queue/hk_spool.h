/* hk_spool.h -- the queue of hk_ring.h on disk: what was taken in survives the process.
 *
 *     DIRECTORY/cursor                       where the end is, what is acknowledged (hk_cursor.h)
 *     DIRECTORY/00000000000000000000.heka    a segment (hk_segment.h): frames and nothing else,
 *     DIRECTORY/00000000000000008738.heka        named by the number of its first frame
 *     DIRECTORY/next                         a segment that is prepared, and empty
 *
 * Calls, types and what they mean are those of hk_ring.h, but for what is said here.
 *
 * A frame is written to the mapped segment and its end to the mapped cursor, so it survives `kill
 * -9` once put has returned, at the cost of memory; power loss it survives when hk_spool_sync came
 * after it. Frames are sent again after a crash from the last position that the cursor knows.
 * Batches point into the segments: nothing is copied. A segment is removed when its last frame is
 * acknowledged, and unmapped when no batch can point into it.
 *
 * `capacity` is for waiting frames, each costs its bytes. The disk holds at most `window` and three
 * segments more. Dropping makes room by segments: all waiting frames of the oldest one.
 *
 * Threads: as hk_ring. System calls only when a segment begins, by the producer, if the consumer
 * has not prepared it, and when one ends, by who ends it, without the lock.
 * fork: the child's spool is empty, its counters are zero, and it is closed: no call of the child
 * touches a file of the parent's. Includes: hk_ring.h. */
#ifndef HK_SPOOL_H
#define HK_SPOOL_H

#include "hk_ring.h"

#define HK_SPOOL_SEGMENT_LEAST (128u * 1024u)         /* bytes; and a frame has to fit */
#define HK_SPOOL_SEGMENT_MOST (4u * 1024u * 1024u)    /* bytes of a segment by default */
#define HK_SPOOL_SEGMENT_LIMIT (256u * 1024u * 1024u) /* bytes of a segment by request */

typedef struct hk_spool hk_spool;

typedef struct {
    size_t capacity;  /* bytes of frames that may wait */
    size_t frame_max; /* bytes, at most HK_RING_FRAME_MAX */
    size_t window;    /* bytes that may be under way at once, at least frame_max */
    size_t segment;   /* bytes of a segment; 0: an eighth of the capacity, within the limits */
    unsigned corrupt; /* the reason that what is cut is counted for */
} hk_spool_settings;

/* Opens the spool in a directory that exists, and that nobody else has open: the caller holds it
 * locked. Frames that are found, not yet acknowledged, wait to be taken: `recovered`. What is found
 * between them and is no frame is left out, each piece counted as one frame that was recovered and
 * dropped for `corrupt`. HK_ERR_ARGUMENT: the settings. HK_ERR_SYSTEM: the directory cannot be
 * used; the text has the path and errno's words, the offset is errno. HK_ERR_NOMEM. */
HK_CHECK hk_status hk_spool_open(const char *directory, const hk_spool_settings *settings,
                                 hk_spool **spool, hk_error *err);

/* Nobody may be in a call. What is queued stays on the disk, for the next to open. If nothing is,
 * no file is left either. NULL is allowed. */
void hk_spool_free(hk_spool *s);

/* As hk_ring_put, but HK_ERR_ARGUMENT unless frame[0..len) is one Heka frame (its separators and
 * its lengths; the Message is not looked at), and HK_ERR_FULL also when the disk is full. */
HK_CHECK hk_status hk_spool_put(hk_spool *s, const uint8_t *frame, size_t len);
void hk_spool_refuse(hk_spool *s, unsigned reason);

/* As hk_ring_drop_oldest, but whole segments: more than is needed, as a rule. */
HK_CHECK hk_status hk_spool_drop_oldest(hk_spool *s, size_t len, unsigned reason, size_t *dropped);
HK_CHECK hk_status hk_spool_wait_room(hk_spool *s, size_t len, int64_t timeout_ns);

hk_ring_event hk_spool_wait(hk_spool *s, size_t bytes, int64_t timeout_ns);
hk_ring_batch hk_spool_take(hk_spool *s, size_t most);
void hk_spool_acknowledge(hk_spool *s, size_t outstanding);
void hk_spool_rewind(hk_spool *s, size_t unsent);
size_t hk_spool_drop_in_flight(hk_spool *s, unsigned reason);

/* What was taken in before the call is on the disk, and the cursor after it. Sleeps as long as the
 * disk takes, without the lock. HK_ERR_SYSTEM: the system cannot write it. Any thread, one at a
 * time. */
HK_CHECK hk_status hk_spool_sync(hk_spool *s, hk_error *err);

void hk_spool_wake(hk_spool *s);
void hk_spool_close(hk_spool *s);
size_t hk_spool_drop_all(hk_spool *s, unsigned reason);
void hk_spool_set_goal(hk_spool *s, hk_ring_goal *goal);
hk_ring_outcome hk_spool_flush(hk_spool *s, hk_ring_goal *goal, int64_t timeout_ns);
void hk_spool_get_stats(hk_spool *s, hk_ring_stats *out);
size_t hk_spool_count(hk_spool *s);
void hk_spool_after_fork(hk_spool *s);

#endif
