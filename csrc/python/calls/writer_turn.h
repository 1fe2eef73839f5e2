/* writer_turn.h -- which thread may write to a stream: recursion, threads, forks.
 *
 *     thread = PyThread_get_thread_ident();
 *     if (heka_turn_enter(t, thread) == 1) {
 *         if (heka_turn_take(t, thread, end) == 1) {    only for streams that take parts of frames
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
#include "python/base/read.h"
#include "python/base/state.h"

/* The state of one stream. Every member but the lock itself is changed with the GIL held. */
typedef struct {
    unsigned long *threads; /* owned: the threads of the running calls, to detect a write() that
                               logs to the same stream, which would recurse without end */
    size_t count;
    size_t cap;
    PyThread_type_lock lock; /* owned: its holder writes; NULL: several threads may write */
    unsigned long holder;    /* the thread that holds the lock */
    unsigned generation;     /* fork generation of the members above */
} heka_turns;

/* False in a child process, until enter() has reset the state of the parent. */
static inline bool
heka_turn_is_ours(const heka_turns *t)
{
    return t->generation == hk_fork_generation();
}

/* Creates the lock; replaces a lock of the parent process. 0, or -1 with MemoryError. */
int heka_turn_make_lock(heka_turns *t);
void heka_turn_free(heka_turns *t);

/* 1: entered. 0: this thread is in a write() of this stream already, and another would recurse
 * without end. -1 with MemoryError. */
int heka_turn_enter(heka_turns *t, unsigned long thread);
void heka_turn_leave(heka_turns *t, unsigned long thread);

/* Waits for the lock without the GIL. 1: this thread holds it. 0: `end`, in seconds of
 * heka_now(), has passed. -1 with the exception of a signal handler. */
int heka_turn_take(heka_turns *t, unsigned long thread, double end);

/* Releases the lock, unless the process forked meanwhile: then the lock is the parent's. */
void heka_turn_end(heka_turns *t, unsigned generation);

#endif
