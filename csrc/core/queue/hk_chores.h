/* hk_chores.h -- what a journal leaves for later: files to be cut, prepared, and woken.
 *
 * Asked for with the queue's lock, done without it, and handed in with it: system calls that take a
 * while keep nobody waiting but the consumer, who makes these calls.
 * Includes: hk_journal.h. */
#ifndef HK_CHORES_H
#define HK_CHORES_H

#include "hk_flight.h"
#include "hk_journal.h"

typedef struct {
    hk_segment *spare; /* owned: made */
    hk_segment *woken; /* owned: what was opened for the parked one, NULL: none is there */
    uint64_t number;   /* of the segment to be cut */
    size_t end;        /* where, in bytes */
    uint64_t parked;   /* number of the segment to be woken */
    size_t begin;      /* of that one, as its end and inode */
    size_t parked_end;
    ino_t inode;
    size_t pieces;   /* in it that are no frame */
    int failure;     /* errno: why there is no spare */
    hk_status waked; /* HK_OK, or why it was not: it is asked for again */
    bool cut;
    bool prepare;
    bool wake;
    bool unread; /* the one to be woken is */
} hk_chores;

/* What waking a segment has changed. All zero: nothing. */
typedef struct {
    hk_tally before;  /* the frames that it was said to have */
    hk_tally now;     /* those that it has */
    size_t pieces;    /* that are no frame, or frames that are lost */
    bool unread;      /* what was said before was a guess */
    hk_segment *done; /* owned: has no frames: to be discarded */
} hk_waking;

static inline bool
hk_journal_wants_spare(const hk_journal *j)
{
    const hk_segment *s = j->newest;
    return s != NULL && s->open && s->end > s->size / 2 && j->spare == NULL && !j->preparing;
}

static inline bool
hk_journal_has_chores(const hk_journal *j)
{
    return j->uncut > 0 || j->wants || hk_journal_wants_spare(j);
}

hk_chores hk_journal_ask_chores(hk_journal *j);
void hk_journal_do_chores(const hk_journal *j, hk_chores *chores); /* reads what never changes */
hk_waking hk_journal_end_chores(hk_journal *j, hk_chores *chores);

#endif
