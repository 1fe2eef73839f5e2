/* hk_journal.h -- the files of a queue on disk: segments from the oldest to the newest, a cursor.
 *
 *     oldest ... [ gone | in flight ] [ in flight | waiting ] [ waiting ] ... newest
 *                       |                         |                            |
 *                     first                     taken                       appended here
 *
 * Knows bytes, places and files; who may take which frame when, and the counting, is hk_queue.c's.
 * No lock: each call is made with the queue's, or where said without. What is slow and can wait is
 * left over for hk_journal_discard and hk_chores.h, which are called without it.
 * Includes: hk_cursor.h, hk_segment.h. */
#ifndef HK_JOURNAL_H
#define HK_JOURNAL_H

#include "hk_cursor.h"
#include "hk_segment.h"

#define HK_JOURNAL_SPARE "next"           /* the file of the segment that is prepared */
#define HK_JOURNAL_PAUSE HK_SEGMENT_PAUSE /* ns until a full disk is asked again */

#define HK_JOURNAL_BUFFER (192u * 1024u) /* bytes read at once of a segment that is not mapped */

/* Between two frames. NULL: in the segment that will be the first. */
typedef struct {
    hk_segment *segment; /* borrowed */
    size_t at;
} hk_place;

typedef struct {
    int directory;       /* owned */
    size_t segment_size; /* bytes */
    size_t min_free;     /* bytes that a new segment leaves on the file system */
    bool lazy;           /* those that wait are parked */
    bool mapped;         /* segments are, where that is possible */
    hk_cursor cursor;
    uint8_t *buffer; /* owned: bytes of a segment that is not mapped */
    struct {
        uint64_t segment; /* number of the one in `buffer` */
        size_t from;      /* offset of the first byte there */
        size_t len;
    } read;
    hk_slice view;        /* what hk_journal_look found: bytes from where j->next was */
    hk_segment *oldest;   /* owned, a list; NULL: none */
    hk_segment *newest;   /* borrowed, the list's last */
    hk_segment *spare;    /* owned: prepared, in the file HK_JOURNAL_SPARE */
    hk_segment *unlinked; /* owned, a list: unlinked but still mapped, a batch may point there */
    hk_place first;       /* in front of the frames that are not acknowledged */
    hk_place next;        /* in front of those that are handed out next */
    hk_place taken;       /* in front of those that were never handed out */
    uint64_t number;      /* of the next frame that is appended */
    int64_t retry_at;     /* not to ask for room on the disk before (as hk_deadline) */
    int failure;          /* errno of the last segment that could not be made; 0: the last could */
    size_t uncut;         /* segments that are written no more, and not cut to their end yet */
    bool wants;           /* the consumer has come to a parked segment: that of j->taken */
    bool preparing;       /* a spare is being made, without the lock */
} hk_journal;

/* Opens the directory: what is acknowledged is removed, the rest looked through. With `lazy` only
 * what is behind the cursor's end is, and *frames and *bytes of the others are guesses. *frames:
 * how many wait; *cut: pieces that are no frame, and frames that the cursor has and the last file
 * has not, because somebody has cut it. HK_ERR_SYSTEM, HK_ERR_NOMEM; nothing is open then. */
HK_CHECK hk_status hk_journal_open(const char *directory, size_t segment_size, bool mapped,
                                   bool lazy, hk_journal *j, size_t *frames, size_t *bytes,
                                   size_t *cut, hk_error *err);

/* Closes everything; a segment without frames is removed, and `empty` removes the cursor too. */
void hk_journal_close(hk_journal *j, bool empty);

/* In a forked child: forgets everything, and touches nothing that the parent has. */
void hk_journal_forget(hk_journal *j);

HK_COLD HK_CHECK hk_status hk_journal_turn(hk_journal *j);

/* Appends a run of frames, in the next segment if it does not fit in this one, with one move of the
 * cursor. HK_ERR_FULL: the disk is. */
static inline HK_CHECK hk_status
hk_journal_append_run(hk_journal *j, const uint8_t *data, size_t len, size_t frames)
{
    hk_status status = HK_OK;
    if (HK_UNLIKELY(j->newest == NULL || !hk_segment_fits(j->newest, len))) {
        status = hk_journal_turn(j);
    }
    if (HK_LIKELY(status == HK_OK)) {
        status = hk_segment_append_run(j->newest, data, len, frames);
    }
    if (HK_LIKELY(status == HK_OK)) {
        j->number += frames;
        hk_cursor_move(&j->cursor, HK_CURSOR_END,
                       (hk_mark){j->number, j->newest->number, j->newest->end});
    }
    return status;
}

static inline HK_CHECK hk_status
hk_journal_append(hk_journal *j, const uint8_t *frame, size_t len)
{
    return hk_journal_append_run(j, frame, len, 1);
}

/* A frame, or a run, of `len` bytes can be appended, for all that is known. */
bool hk_journal_has_room(const hk_journal *j, size_t len);

/* When to ask for room on the disk again, if it was refused. */
static inline int64_t
hk_journal_retry_at(const hk_journal *j)
{
    const int64_t at = j->newest != NULL ? j->newest->retry_at : 0;
    return at > j->retry_at ? at : j->retry_at;
}

/* errno of what the disk refused last; 0: nothing. */
static inline int
hk_journal_failure(const hk_journal *j)
{
    return j->failure == 0 && j->newest != NULL ? j->newest->failure : j->failure;
}

/* Moves the place over holes and ends of segments to where the next frame is, if there is one. True
 * when it has moved: the frames before it and behind it do not follow each other in memory. */
bool hk_journal_move(const hk_journal *j, hk_place *place);

static inline bool
hk_journal_settle(const hk_journal *j, hk_place *place)
{
    const hk_segment *s = place->segment;
    const bool is_there = s != NULL && s->hole_count == 0 && place->at != s->end;
    return HK_UNLIKELY(!is_there) && hk_journal_move(j, place);
}

/* The bytes from a place on that can be read now, up to the end of its segment at most; empty: its
 * file is shorter, or cannot be read. Those of a segment that is not mapped are valid until the
 * next call, and at least one whole frame if it is there. */
hk_slice hk_journal_look(hk_journal *j, const hk_place *place);

/* Hands out again the next frame, of `len` bytes, at j->next. NULL: with `follows`, when it does
 * not follow the one before in memory; without, when it is not in the file any more. */
const uint8_t *hk_journal_again(hk_journal *j, size_t len, bool follows);

/* The first frame, of `len` bytes, was acknowledged or given up. */
static inline void
hk_journal_release(hk_journal *j, size_t len)
{
    (void)hk_journal_settle(j, &j->first);
    j->first.at += len;
}

/* What was handed out is to be handed out again. */
static inline void
hk_journal_rewind(hk_journal *j)
{
    j->next = j->first;
}

/* Copies up to `room` bytes of the segment from the place on, behind holes: how many. Leaves what
 * was read before as it is. */
size_t hk_journal_read_at(const hk_journal *j, hk_place place, uint8_t *to, size_t room);

/* The frames from j->first to the end, counted one by one. */
size_t hk_journal_count(const hk_journal *j);

/* What is before j->first is acknowledged: moves the mark, and returns the segments that are done
 * with, to be discarded. `frame`: number of the first frame that is not. */
hk_segment *hk_journal_acknowledge(hk_journal *j, uint64_t frame);

/* The oldest segment with frames that were never handed out; NULL: there are none. */
hk_segment *hk_journal_waiting(const hk_journal *j);

/* Gives up the frames behind j->taken in its segment, in memory. The file is cut by who calls, or
 * `later`, as a chore. */
void hk_journal_cut(hk_journal *j, bool later);

/* Gives up the frames behind j->next in its segment, of which `taken` frames, of `taken_bytes`,
 * were handed out before. The file is cut later, as a chore. */
void hk_journal_cut_taken(hk_journal *j, size_t taken, size_t taken_bytes);

/* Takes a segment, no frame of which is in flight, out of the list: to be discarded. */
void hk_journal_remove(hk_journal *j, hk_segment *s);

/* Gives up all frames. Their segments are unlinked, but still mapped. */
void hk_journal_clear(hk_journal *j);

/* The oldest segment from number `from` on, and before `to`, of which not all is written out: its
 * name, and *next, the number to go on from. It counts as written out then. */
bool hk_journal_next_unsynced(hk_journal *j, uint64_t from, uint64_t to, char name[HK_SEGMENT_NAME],
                              uint64_t *next);

/* Makes a segment, if enough of the file system stays free then. HK_ERR_SYSTEM, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_journal_create(const hk_journal *j, const char *name, bool populate,
                                     hk_segment **s, hk_error *err);

/* Without the lock: unmaps a list of segments; removes their files first, unless `directory` is -1.
 */
void hk_journal_discard(int directory, hk_segment *list);

#endif
