/* hk_store.h -- what the engine (hk_queue.c) and its two stores share, and what a store has to do.
 *
 * The engine holds the lock, the counters, the lengths in flight, who sleeps and who is woken, and
 * the renewal after a fork. A store holds bytes: hk_memory.h or hk_disk.h. Each has these calls,
 * all made with the queue's lock held unless said otherwise; `flight` is the engine's table:
 *
 *     put(frame, len)         appends a frame; HK_ERR_FULL
 *     fits(len)               a frame of that length could be put
 *     drop_oldest()           gives up waiting frames, as few as it can: frames and bytes of them
 *     fetch(flight, most)     hands out waiting frames that follow each other in memory, and pushes
 *                             their lengths to the table
 *     again(len, follows)     hands out again the next frame after a rewind
 *     rewind()                what is handed out is to be handed out again
 *     release(len)            the oldest frame in flight has left
 *     clear()                 gives up all frames
 *     count()                 the frames, counted one by one
 *
 * The engine calls them directly, after a look at `on_disk`: no call through a pointer. The disk
 * has more: it is opened and closed, forgotten in a child, and leaves work over (hk_disk_work) that
 * is done without the lock.
 *
 * Where extensions go: docs/explanation/internals.md.
 * Includes: hk_frame.h, hk_flight.h. */
#ifndef HK_STORE_H
#define HK_STORE_H

#include "core/wire/hk_frame.h"
#include "hk_flight.h"

#define HK_QUEUE_FRAME_LEAST 32u      /* bytes; smaller frames may fill the table in flight first */
#define HK_QUEUE_BATCH_MAX 65536u     /* bytes handed out under the lock, or one frame */
#define HK_QUEUE_EXTRA (128u * 1024u) /* bytes of memory beyond the capacity */
#define HK_QUEUE_WINDOW (112u * 1024u) /* bytes; a larger window takes from the capacity */

typedef struct {
    size_t capacity;  /* bytes for frames that wait */
    size_t frame_max; /* bytes of the largest frame, at most HK_FRAME_MAX */
    size_t window;    /* bytes that may be in flight at once, at least frame_max */
    size_t segment;   /* disk: bytes of a segment; 0: an eighth of the capacity, within limits */
    size_t min_free;  /* disk: bytes of the file system that are left unused; below, it is full */
    unsigned corrupt; /* disk: the reason that damaged frames are counted for */
    bool lazy;        /* disk: segments are looked through when they are reached, not when the queue
                         is opened; those that wait are not mapped */
    bool unmapped;    /* disk: files are written and read by calls, and not mapped */
} hk_queue_settings;

/* Whole frames that follow each other: borrowed until they are acknowledged, dropped, or taken
 * again after a rewind; of files that are not mapped, until the next take. */
typedef struct {
    const uint8_t *data;
    size_t len;    /* bytes */
    size_t frames; /* 0: none waits, or the window is full: acknowledge first */
} hk_queue_batch;

/* Adds the frame at `data` to the batch. */
static inline void
hk_batch_add(hk_queue_batch *batch, const uint8_t *data, size_t len)
{
    batch->data = batch->frames == 0 ? data : batch->data;
    batch->len += len;
    batch->frames++;
}

/* The batch is not full. */
static inline bool
hk_batch_goes_on(const hk_queue_batch *batch, size_t most)
{
    return batch->frames == 0 || batch->len < most;
}

/* A frame of `len` bytes goes into it, which is not full: the first one always does. */
static inline bool
hk_batch_takes(const hk_queue_batch *batch, size_t len, size_t most)
{
    return batch->frames == 0 || len <= most - batch->len;
}

#endif
