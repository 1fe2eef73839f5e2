/* writer_turn.h -- who writes to a stream now: loops, threads, forks.
 *
 *     thread = PyThread_get_thread_ident();
 *     if (heka_turn_enter(t, thread) == 1) {
 *         if (heka_turn_take(t, thread, end) == 1) {    only where it may take parts of frames
 *             generation = t->generation;
 *             ...
 *             heka_turn_end(t, generation);
 *         }
 *         heka_turn_leave(t, thread);
 *     }
 */
#ifndef HEKA_WRITER_TURN_H
#define HEKA_WRITER_TURN_H

#include "core/base/hk_clock.h"
#include "python/base/state.h"

/* Of one stream. Changed with the GIL only, but for the lock itself. */
typedef struct {
    unsigned long *threads; /* owned: the thread of each call under way: a write() that logs would
                               otherwise never end */
    size_t count;
    size_t cap;
    PyThread_type_lock lock; /* owned: one thread at a time writes; NULL: there is none */
    unsigned long holder;    /* the thread that has the lock */
    unsigned generation;     /* fork generation of all that */
} heka_turns;

/* Seconds of a monotonic clock. */
double heka_turn_now(void);

/* False in a child process until enter() has reset what was the parent's. */
static inline bool
heka_turn_is_ours(const heka_turns *t)
{
    return t->generation == hk_fork_generation();
}

/* Makes the lock, or another one when it is the parent's. 0, or -1 with MemoryError. */
int heka_turn_make_lock(heka_turns *t);
void heka_turn_free(heka_turns *t);

/* 1: entered. 0: this thread is in a write() of this stream already, which would never end.
 * -1 with MemoryError. */
int heka_turn_enter(heka_turns *t, unsigned long thread);
void heka_turn_leave(heka_turns *t, unsigned long thread);

/* Waits for the lock without the GIL. 1: this thread has it. 0: another one has it until `end`, in
 * seconds of heka_turn_now(). -1 with the exception of a signal's handler. */
int heka_turn_take(heka_turns *t, unsigned long thread, double end);

/* Releases the lock, unless this is a child process that was forked meanwhile: it has another. */
void heka_turn_end(heka_turns *t, unsigned generation);

#endif
