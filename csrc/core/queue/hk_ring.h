/* hk_ring.h -- a bounded queue of whole frames: many producers, one consumer, one block of memory.
 *
 *     producers --put--> [ waiting ] --take--> [ under way ] --acknowledge--> sent
 *                            |                     |    ^
 *                            +--- dropped <--------+    +-- rewind: taken again
 *
 * Waiting frames lie in the queue (hk_queue.h), where producers write them.
 * Taking copies a batch of them into the window (hk_window.h), where they stay until they are
 * acknowledged: the consumer sends from there without the lock, and can send again. So the queue
 * never holds a byte that is under way, and what is dropped from its old end is room at once:
 * a peer that acknowledges nothing blocks the window and costs the queue nothing.
 *
 * `capacity` is for waiting frames. A frame costs its length + 8, rounded up to 8, and up to the
 * largest record may be lost at the end of memory, as a frame lies in one piece. The window, its
 * table and the rest take HK_RING_EXTRA bytes more; a window over HK_RING_WINDOW takes what is
 * missing from the capacity, 9 bytes for 8.
 *
 * Threads: one mutex, held for memory copies and short walks. Any thread may call everything, but
 * take, acknowledge, rewind, drop_in_flight and wait are for one at a time, the consumer. Neither
 * allocation nor system call, unless the mutex is contended or somebody sleeps who is to be woken.
 * fork: the child's ring is empty, its counters are zero, and its mutex is new. It becomes so with
 * the first call in the child, whoever makes it; `closed` stays.
 * Includes: hk_monitor.h, hk_queue.h, hk_window.h. */
#ifndef HK_RING_H
#define HK_RING_H

#include <stdatomic.h>

#include "core/base/hk_monitor.h"
#include "hk_queue.h"
#include "hk_window.h"

#define HK_RING_FRAME_MAX 65794u      /* bytes: HK_MESSAGE_MAX + HK_FRAME_ROOM */
#define HK_RING_FRAME_LEAST 32u       /* bytes; smaller frames may fill the window's table first */
#define HK_RING_BATCH_MAX 65536u      /* bytes copied under the lock, or one frame */
#define HK_RING_EXTRA (128u * 1024u)  /* bytes of the block beyond the capacity */
#define HK_RING_WINDOW (112u * 1024u) /* bytes of a window that takes nothing from the capacity */
#define HK_RING_REASONS 24u           /* why frames were dropped: the caller's numbers */

/* Frames, but for `bytes`. At every moment: offered + recovered = sent + sum(dropped) + queued. */
typedef struct {
    uint64_t offered;    /* handed in: taken in or refused */
    uint64_t recovered;  /* found when the queue was opened: 0 in memory */
    uint64_t sent;       /* acknowledged; each counts once */
    uint64_t resent;     /* handed out again although they may have been sent before */
    uint64_t bytes;      /* of the frames in `sent` */
    uint64_t queued;     /* waiting or under way */
    uint64_t in_flight;  /* of those, under way */
    uint64_t high_water; /* the most that were ever queued */
    uint64_t dropped[HK_RING_REASONS];
} hk_ring_stats;

/* All is private: see hk_ring.c. */
typedef struct {
    uint8_t *queue_data; /* in this block, as the next two; never written after hk_ring_new */
    uint8_t *window_data;
    uint32_t *lengths;
    size_t queue_size;  /* bytes */
    size_t window_size; /* bytes */
    size_t slots;       /* of the window's table */
    size_t frame_max;   /* bytes */
    atomic_uint owner;  /* fork generation of the process whose frames these are */
    bool closed;        /* guarded; the one thing that a child inherits */
    hk_monitor monitor; /* the consumer sleeps on `filled`; on `left`, who waits for room, or for
                           the end of what is queued */
    struct hk_ring_guarded { /* by monitor.mutex */
        hk_queue queue;
        hk_window window;
        uint64_t taken;      /* frames that came into the window */
        uint64_t settled;    /* of those, how many have left it */
        uint64_t lost;       /* frames dropped after they were taken in */
        size_t wake_at;      /* bytes that have to wait before the idle consumer is woken */
        size_t sleepers;     /* on `left` */
        size_t producers;    /* of those, who wait for room */
        bool idle;           /* the consumer sleeps on `filled`, and nobody has woken it yet */
        bool woken;          /* it was told not to sleep, and has not seen it yet */
        hk_ring_stats stats; /* but queued and in_flight, which queue and window count */
    } in;
} hk_ring;

/* Room that one producer writes a frame into. Nobody else touches it until commit or abort. */
typedef struct {
    uint8_t *data; /* borrowed: `size` bytes */
    size_t size;
    size_t at;      /* private: the record's offset */
    unsigned owner; /* private: the process that reserved it */
} hk_reservation;

/* Makes a ring in one allocation of at most capacity + HK_RING_EXTRA bytes. frame_max: bytes of the
 * largest frame, at most HK_RING_FRAME_MAX. window: bytes that may be under way at once, at least
 * frame_max; pages that are never used cost nothing. HK_ERR_ARGUMENT: a largest frame would not fit
 * in the queue or the window. HK_ERR_NOMEM. */
HK_CHECK hk_status hk_ring_new(size_t capacity, size_t frame_max, size_t window, hk_ring **ring,
                               hk_error *err);

/* Nobody may be in a call. NULL is allowed. What is queued is gone, uncounted. */
void hk_ring_free(hk_ring *r);

/* What hk_ring_new allocates for these sizes, in bytes; 0 when they do not fit. */
size_t hk_ring_block_size(size_t capacity, size_t frame_max, size_t window);

/* ---- producers ---- */

/* Takes in a copy of frame[0..len), which is offered then. HK_ERR_FULL, HK_ERR_CLOSED,
 * HK_ERR_TOO_BIG (frame_max; an empty frame is HK_ERR_ARGUMENT): nothing was counted; who gives up
 * calls hk_ring_refuse, who tries again offers it once. */
HK_CHECK hk_status hk_ring_put(hk_ring *r, const uint8_t *frame, size_t len);

/* Reserves room for a frame of at most `size` bytes, to be written without the lock. Behind it the
 * consumer waits, and what is reserved in vain is lost until it has passed, if others have put
 * frames behind it meanwhile: reserve to copy or encode from plain memory, and run no code of the
 * program's user (which may take for ever, or fork) before commit or abort. One of both is due.
 * Frames of less than about 1 KiB are encoded elsewhere and put at less cost: 17 against 26 ns for
 * 120 bytes, as the lock is taken once. As hk_ring_put. */
HK_CHECK hk_status hk_ring_reserve(hk_ring *r, size_t size, hk_reservation *room);

/* Takes in the frame start[0..len), which lies in the reservation: at its beginning, or it is moved
 * there. HK_ERR_CLOSED: closed meanwhile, or the process has forked meanwhile and the room was its
 * parent's; then nothing was counted. */
HK_CHECK hk_status hk_ring_commit(hk_ring *r, const hk_reservation *room, const uint8_t *start,
                                  size_t len);
void hk_ring_abort(hk_ring *r, const hk_reservation *room);

/* Counts a frame that is given up before it is taken in: offered, and dropped for `reason`. */
void hk_ring_refuse(hk_ring *r, unsigned reason);

/* Makes room for a frame of `len` bytes: drops waiting frames, the oldest first, whole, no more
 * than needed and never one that is under way. HK_ERR_FULL: a reservation is in the way, whatever
 * was dropped before it (*dropped says how many, always).
 * The room is not reserved: another producer may be faster, so put and drop by turns. */
HK_CHECK hk_status hk_ring_drop_oldest(hk_ring *r, size_t len, unsigned reason, size_t *dropped);

/* Sleeps until there is room for a frame of `len` bytes, which others may take, or until the ring
 * is closed (HK_ERR_CLOSED) or timeout_ns has passed (HK_ERR_FULL; negative: never). Who sleeps is
 * woken when an eighth of the capacity is free, not by every frame that leaves: a consumer that
 * stops before that is noticed at the end of the timeout only. */
HK_CHECK hk_status hk_ring_wait_room(hk_ring *r, size_t len, int64_t timeout_ns);

/* ---- the consumer ---- */

typedef enum {
    HK_RING_READY,   /* frames can be taken; if none are, the window is full: acknowledge first */
    HK_RING_WOKEN,   /* hk_ring_wake was called, or the time is over; frames may be there */
    HK_RING_DRAINED, /* closed, and nothing is there to be taken, nor will be; what is under way is
                      */
} hk_ring_event;

/* Sleeps until frames can be taken and at least `bytes` bytes of them wait (any, when the ring is
 * closed), or frames are to be taken again; until it is woken; or until timeout_ns has passed
 * (negative: never). With `bytes` a linger costs one waking, not one a message. */
hk_ring_event hk_ring_wait(hk_ring *r, size_t bytes, int64_t timeout_ns);

/* Whole frames that follow each other, in the window: borrowed until they are acknowledged,
 * dropped, or taken again after a rewind. */
typedef struct {
    const uint8_t *data;
    size_t len;    /* bytes */
    size_t frames; /* 0: none waits, or the window is full: acknowledge first */
} hk_ring_batch;

/* Takes the next frames, at most `most` and HK_RING_BATCH_MAX bytes of them, but one at least:
 * first those that were taken before the last rewind, from the first that is not acknowledged. They
 * are under way then, and stay in the ring. */
hk_ring_batch hk_ring_take(hk_ring *r, size_t most);

/* All that was taken has arrived, but for its last `outstanding` bytes (what the kernel still holds
 * and what was not written yet): frames that lie before them whole are sent, and gone. */
void hk_ring_acknowledge(hk_ring *r, size_t outstanding);

/* The connection is lost: takes begin at the first frame that is not acknowledged. The last
 * `unsent` bytes of what was taken were never written, so frames in them are not counted as resent.
 */
void hk_ring_rewind(hk_ring *r, size_t unsent);

/* Drops what is under way: the peer will never have it. What is to be taken again stays. */
size_t hk_ring_drop_in_flight(hk_ring *r, unsigned reason);

/* ---- everybody ---- */

/* Makes hk_ring_wait return, the one that sleeps or else the next. */
void hk_ring_wake(hk_ring *r);

/* Takes in nothing any more, and wakes everybody. What is queued can be taken, and a reservation
 * that is open is refused at its end. */
void hk_ring_close(hk_ring *r);

/* Drops all that is queued, under way too; open reservations stay. */
size_t hk_ring_drop_all(hk_ring *r, unsigned reason);

/* All that is in the ring at one moment, for hk_ring_flush. Private. */
typedef struct {
    uint64_t last;  /* record of the queue, the newest */
    uint64_t taken; /* frames in the window, once the queue's have come there */
    uint64_t lost;  /* frames dropped until then */
    bool passed;    /* the queue's have left it */
    unsigned owner;
} hk_ring_goal;

typedef enum {
    HK_RING_PENDING, /* not all has left, the time is over */
    HK_RING_FLUSHED, /* all has been sent */
    HK_RING_LOST,    /* all has left, but frames were dropped meanwhile; or this is a child */
} hk_ring_outcome;

/* Sets the goal: what has been taken in so far, and what is reserved. */
void hk_ring_set_goal(hk_ring *r, hk_ring_goal *goal);

/* Sleeps until all of it has left the ring, or timeout_ns has passed (negative: never). To be
 * called again with the same goal while it is pending. */
hk_ring_outcome hk_ring_flush(hk_ring *r, hk_ring_goal *goal, int64_t timeout_ns);

/* The counters of one moment. */
void hk_ring_get_stats(hk_ring *r, hk_ring_stats *out);

/* The frames that lie in the ring, counted one by one: what stats.queued must be. For tests. */
size_t hk_ring_count(hk_ring *r);

/* What every other call does first: in a forked child, empties the ring and renews its mutex. For
 * handlers of fork, so that the parent's frames are not kept until the first message. */
void hk_ring_after_fork(hk_ring *r);

#endif
