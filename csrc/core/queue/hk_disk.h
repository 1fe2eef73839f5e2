/* hk_disk.h -- the store on disk: what was put survives the process.
 *
 *     DIRECTORY/cursor                       where the end is, what is acknowledged (hk_cursor.h)
 *     DIRECTORY/00000000000000000000.heka    a segment (hk_segment.h): frames and nothing else,
 *     DIRECTORY/00000000000000008738.heka        named by the number of its first frame
 *     DIRECTORY/next                         a segment that is prepared, and empty
 *
 * A frame is written to the mapped segment and its end to the mapped cursor, so it survives `kill
 * -9` once put has returned, at the cost of memory; power loss it survives when a sync came after
 * it. Frames are sent again after a crash from the last position that the cursor has. Batches point
 * into the segments: nothing is copied. A segment is removed when its last frame is acknowledged,
 * and unmapped when no batch can point into it.
 *
 * A lazy queue (settings.lazy) opens in a time that does not grow with what waits: names of files
 * say how many frames there are, and only what is behind the cursor's end is read. A segment that
 * the consumer has not reached is parked: neither mapped nor open. When it is reached it is woken
 * (hk_chores.h), and looked through if this process has not written it: counters that were guesses
 * are corrected, and damaged frames are counted then.
 *
 * A waiting frame costs its bytes. The disk holds at most the capacity, the window and three
 * segments more. Dropping makes room by segments: all waiting frames of the oldest one.
 * Symbolic links are not followed: neither the directory nor a file in it may be one.
 * Before a batch is handed out, the size of its file is looked at: what somebody has cut off is
 * given up, and counted as damaged. Without maps (settings.unmapped), a put is two calls of pwrite,
 * and a batch is read into a buffer: it is valid until the next take. Each segment has a descriptor
 * then.
 * System calls with the lock: a segment that begins, if the consumer has not prepared it; the look
 * at a size; without maps, reads and writes. All others are work left over for later
 * (hk_disk_work). The calls are described in hk_store.h.
 * Includes: hk_chores.h, hk_store.h. */
#ifndef HK_DISK_H
#define HK_DISK_H

#include "core/base/hk_monitor.h"
#include "hk_chores.h"
#include "hk_store.h"

#define HK_DISK_SEGMENT_LEAST (128u * 1024u)      /* bytes; and a frame has to fit */
#define HK_DISK_SEGMENT_MOST (4u * 1024u * 1024u) /* bytes of a segment by default */
#define HK_DISK_SEGMENT_LIMIT HK_SEGMENT_LIMIT    /* bytes of a segment by request */

typedef struct {
    hk_journal journal;
    size_t capacity; /* bytes of frames that may wait */
} hk_disk;

/* What a call leaves over, to be done by hk_disk_finish without the lock. All zero: nothing. */
typedef struct {
    hk_segment *done;     /* owned, a list: files to be removed, then unmapped */
    hk_segment *unlinked; /* owned, a list: to be unmapped */
    uint64_t cut;         /* number of the segment whose file is to be cut */
    size_t cut_end;       /* where, in bytes; 0: none is */
    bool has_chores;      /* for the consumer: see hk_journal_ask_chores */
} hk_disk_work;

/* Bytes of a segment for these settings; 0: a largest frame would not fit. */
size_t hk_disk_segment_size(const hk_queue_settings *settings);

/* See hk_queue_open. *found: frames that wait; *cut: pieces that are no frame. */
HK_CHECK hk_status hk_disk_open(hk_disk *d, const char *directory,
                                const hk_queue_settings *settings, hk_tally *found, size_t *cut,
                                hk_error *err);

static inline bool
hk_disk_has_capacity(const hk_disk *d, hk_tally waiting, size_t len)
{
    return waiting.bytes <= d->capacity && len <= d->capacity - waiting.bytes;
}

static inline HK_CHECK hk_status
hk_disk_put_run(hk_disk *d, hk_tally waiting, const uint8_t *data, size_t len, size_t frames)
{
    return HK_LIKELY(hk_disk_has_capacity(d, waiting, len))
               ? hk_journal_append_run(&d->journal, data, len, frames)
               : HK_ERR_FULL;
}

/* Pages of a lazy queue that were written, or read, leave the process's memory. */
static inline void
hk_disk_trim(hk_disk *d)
{
    hk_segment *s = d->journal.newest;
    if (d->journal.lazy && s != NULL) {
        hk_segment_trim(s, &s->written_out, s->end);
    }
}

static inline HK_CHECK hk_status
hk_disk_put(hk_disk *d, hk_tally waiting, const uint8_t *frame, size_t len)
{
    return hk_disk_put_run(d, waiting, frame, len, 1);
}

static inline bool
hk_disk_fits(const hk_disk *d, hk_tally waiting, size_t len)
{
    return hk_disk_has_capacity(d, waiting, len) && hk_journal_has_room(&d->journal, len);
}

/* Gives up the waiting frames of the oldest segment that has any. in_flight: frames are. */
hk_tally hk_disk_drop_oldest(hk_disk *d, bool in_flight, hk_disk_work *work);

/* *lost: frames that are damaged, or not in the file any more, which are given up. */
hk_queue_batch hk_disk_fetch(hk_disk *d, hk_flight *flight, hk_tally waiting, size_t most,
                             hk_tally *lost);

/* Copies the oldest frame, or its first `room` bytes: how many. */
size_t hk_disk_peek(const hk_disk *d, uint8_t *to, size_t room);

/* hk_journal_again had no frame to begin a batch with: the file has become shorter. Gives up what
 * is behind it in its segment: returns the frames in flight, *waiting are those that were never
 * handed out. */
hk_tally hk_disk_give_up_next(hk_disk *d, hk_flight *flight, hk_tally *waiting);

/* After releases or drops: `there` frames are left. The cursor moves, and segments that are done
 * with are left over as work. */
void hk_disk_mark(hk_disk *d, size_t there, hk_disk_work *work);

/* At the end of a take: what batches before this one pointed to can be unmapped. */
static inline void
hk_disk_ask_work(hk_disk *d, hk_disk_work *work)
{
    work->unlinked = d->journal.unlinked;
    d->journal.unlinked = NULL;
    work->has_chores = hk_journal_has_chores(&d->journal);
}

/* Without the lock; chores are the caller's. */
void hk_disk_finish(const hk_disk *d, hk_disk_work *work);

/* See hk_queue_sync; takes the queue's mutex for short looks. */
HK_CHECK hk_status hk_disk_sync(hk_disk *d, hk_monitor *monitor, hk_error *err);

#endif
