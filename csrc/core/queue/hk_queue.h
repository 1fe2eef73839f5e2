/* hk_queue.h -- a bounded queue of whole frames, in memory or on disk: many producers, one
 * consumer.
 *
 *     producers --put--> [ waiting ] --take--> [ in flight ] --acknowledge--> sent
 *                            |                     |    ^
 *                            +--- dropped <--------+    +-- rewind: taken again
 *
 * The consumer sends what it has taken without the lock, and can take it again. What is in flight
 * costs the capacity nothing: it is for waiting frames. What a frame costs, and what else the
 * stores do in their own way, is said in hk_memory.h and hk_disk.h.
 *
 * Threads: one mutex, held for memory copies and short walks. Any thread may call everything, but
 * take, acknowledge, rewind, drop_in_flight and wait are for one at a time, the consumer. In memory
 * nothing allocates, and there is no system call unless the mutex is contended or a thread sleeps
 * that is to be woken.
 * fork: in the child the queue is empty, its counters are zero, and its mutex is new, from the
 * first call in the child on, whoever makes it. A queue that was closed stays closed. One on disk
 * is closed: no call of the child touches a file of the parent's. Includes: hk_queue_state.h. */
#ifndef HK_QUEUE_H
#define HK_QUEUE_H

#include "hk_queue_state.h"

/* Opens a queue: in memory, in one allocation of at most capacity + HK_QUEUE_EXTRA bytes, when
 * `directory` is NULL; pages that are never used cost nothing. Else on disk, in a directory that
 * exists, and that nobody else has open: the caller holds it locked. Frames that are found there,
 * not yet acknowledged, wait to be taken: `recovered`. What is found between them and is no frame
 * is left out, each piece counted as one frame that was recovered and dropped for
 * settings->corrupt. HK_ERR_ARGUMENT: the settings. HK_ERR_SYSTEM: the directory cannot be used;
 * the text has the path and the text of errno, the offset is errno. HK_ERR_NOMEM. */
HK_CHECK hk_status hk_queue_open(const char *directory, const hk_queue_settings *settings,
                                 hk_queue **queue, hk_error *err);

/* Nobody may be in a call. In memory what is queued is gone, uncounted; on disk it stays for the
 * next to open, and if nothing is queued no file is left either. NULL is allowed. */
void hk_queue_free(hk_queue *q);

/* ---- producers ---- */

/* Puts a copy of frame[0..len), which is offered then. HK_ERR_FULL (the disk may be full, too),
 * HK_ERR_CLOSED, HK_ERR_TOO_BIG (frame_max), HK_ERR_ARGUMENT (empty; on disk, not one Heka frame by
 * its separators and lengths: the Message is not looked at): nothing was counted. Who gives up
 * calls hk_queue_refuse, who tries again offers it once. */
HK_CHECK hk_status hk_queue_put(hk_queue *q, const uint8_t *frame, size_t len);

/* Counts a frame that is given up before it is put: offered, and dropped for `reason`. */
void hk_queue_refuse(hk_queue *q, unsigned reason);

/* Makes room for a frame of `len` bytes: drops waiting frames, the oldest first, and never one that
 * is in flight. In memory no more than needed, on disk by whole segments. HK_ERR_FULL: the disk is
 * full, whatever was dropped before (*dropped says how many, always). The room is not reserved:
 * another producer may be faster, so put and drop by turns. */
HK_CHECK hk_status hk_queue_drop_oldest(hk_queue *q, size_t len, unsigned reason, size_t *dropped);

/* Sleeps until there is room for a frame of `len` bytes, which others may take, or until the queue
 * is closed (HK_ERR_CLOSED) or timeout_ns has passed (HK_ERR_FULL; negative: never). In memory, who
 * sleeps is woken when an eighth of the capacity is free, not by every frame that leaves: a
 * consumer that stops before that is noticed at the end of the timeout only. */
HK_CHECK hk_status hk_queue_wait_room(hk_queue *q, size_t len, int64_t timeout_ns);

/* ---- producers of runs: hk_queue_run.c ---- */

/* Puts a copy of data[0..len): whole Heka frames that follow each other, at least one. All of them
 * are offered then, or none is. On disk they lie in one segment; who is killed meanwhile leaves all
 * or none of them, without maps those that were written. *frames: how many there are, always.
 * HK_ERR_FULL, HK_ERR_CLOSED; HK_ERR_TOO_BIG: a frame is larger than frame_max, or all are larger
 * than a segment or the queue; HK_ERR_ARGUMENT: they are not whole frames. */
HK_CHECK hk_status hk_queue_put_run(hk_queue *q, const uint8_t *data, size_t len, size_t *frames);

/* Counts frames that are given up before they are put. */
void hk_queue_refuse_run(hk_queue *q, size_t frames, unsigned reason);

/* As hk_queue_drop_oldest and hk_queue_wait_room, for a run of `frames` frames. HK_ERR_TOO_BIG: it
 * is larger than a segment or the queue. */
HK_CHECK hk_status hk_queue_drop_for_run(hk_queue *q, size_t len, size_t frames, unsigned reason,
                                         size_t *dropped);
HK_CHECK hk_status hk_queue_wait_room_for_run(hk_queue *q, size_t len, size_t frames,
                                              int64_t timeout_ns);

/* ---- the consumer ---- */

/* Sleeps until frames can be taken and at least `bytes` bytes of them wait (any, when the queue is
 * closed), or frames are to be taken again; until it is woken; or until timeout_ns has passed
 * (negative: never). With `bytes` a linger costs one waking, not one a message. */
hk_queue_event hk_queue_wait(hk_queue *q, size_t bytes, int64_t timeout_ns);

/* Takes the next frames, at most `most` and HK_QUEUE_BATCH_MAX bytes of them, but one at least:
 * first those that were taken before the last rewind, from the first that is not acknowledged. They
 * are in flight then, and stay in the queue. */
hk_queue_batch hk_queue_take(hk_queue *q, size_t most);

/* All that was taken has arrived, but for its last `outstanding` bytes (what the kernel still holds
 * and what was not written yet): frames that lie before them whole are sent, and gone. */
void hk_queue_acknowledge(hk_queue *q, size_t outstanding);

/* The same, but the peer has refused `refused` of these frames for good (at most all): they are
 * dropped for `reason`. How many frames have left. */
size_t hk_queue_settle(hk_queue *q, size_t outstanding, size_t refused, unsigned reason);

/* The connection is lost: takes begin at the first frame that is not acknowledged. The last
 * `unsent` bytes of what was taken were never written: frames in them are not counted as resent. */
void hk_queue_rewind(hk_queue *q, size_t unsent);

/* Drops what is in flight: the peer will never have it. What is to be taken again stays. */
size_t hk_queue_drop_in_flight(hk_queue *q, unsigned reason);

/* ---- everybody ---- */

/* Makes hk_queue_wait return, the one that sleeps or else the next. */
void hk_queue_wake(hk_queue *q);

/* Refuses frames from now on, and wakes everybody. What is queued can be taken. */
void hk_queue_close(hk_queue *q);

/* Drops all that is queued, in flight too. How many. */
size_t hk_queue_drop_all(hk_queue *q, unsigned reason);

/* All that is in the queue at one moment, for hk_queue_flush. Private. */
typedef struct {
    uint64_t last;  /* frame, the newest */
    uint64_t taken; /* frames that came in flight, once all up to the last have */
    uint64_t lost;  /* frames dropped until then */
    bool passed;    /* none of them waits any more */
    unsigned owner;
} hk_queue_goal;

typedef enum {
    HK_QUEUE_PENDING, /* not all has left, the time is over */
    HK_QUEUE_FLUSHED, /* all has been sent */
    HK_QUEUE_LOST,    /* all has left, but frames were dropped meanwhile; or this is a child */
} hk_queue_outcome;

/* Sets the goal: all that is queued now. */
void hk_queue_set_goal(hk_queue *q, hk_queue_goal *goal);

/* Sleeps until all of it has left the queue, or timeout_ns has passed (negative: never). To be
 * called again with the same goal while it is pending. */
hk_queue_outcome hk_queue_flush(hk_queue *q, hk_queue_goal *goal, int64_t timeout_ns);

/* What was put before the call is on the disk, and the cursor after it; in memory nothing happens.
 * Sleeps as long as the disk takes, without the lock. HK_ERR_SYSTEM: the system cannot write it.
 * Any thread, one at a time. */
HK_CHECK hk_status hk_queue_sync(hk_queue *q, hk_error *err);

/* The counters of one moment. */
void hk_queue_get_stats(hk_queue *q, hk_queue_stats *out);

/* Copies the oldest frame, or its first `room` bytes: how many; 0: none is there. */
size_t hk_queue_peek(hk_queue *q, uint8_t *to, size_t room);

/* The frames that lie in the queue, counted one by one: what stats.queued must be. For tests. */
size_t hk_queue_count(hk_queue *q);

#endif
