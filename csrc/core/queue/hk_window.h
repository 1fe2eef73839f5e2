/* hk_window.h -- frames under way: handed to the sender, not yet acknowledged.
 *
 *     first      out         end
 *       |         |           |
 *       v         v           v
 *     [ handed out | to be handed out again ]    oldest frame first
 *
 * The bytes of frames lie one behind the other without anything between them, so what is handed out
 * goes to send() as it is; their lengths lie in a table of their own. The memory is used round and
 * round: a frame that does not fit before the end goes to the beginning, and a piece that is handed
 * out ends there too.
 * No allocation, no lock, memory is the caller's; one owner at a time. Includes: hk_status.h. */
#ifndef HK_WINDOW_H
#define HK_WINDOW_H

#include "core/base/hk_status.h"

/* All are private but `count`, `out`, `bytes`. */
typedef struct {
    uint8_t *data;     /* borrowed: `size` bytes of frames */
    uint32_t *lengths; /* borrowed: `slots` of them, in bytes */
    size_t size;
    size_t slots;
    size_t count;    /* frames */
    size_t out;      /* of those, handed out: the oldest ones */
    size_t bytes;    /* of the frames that are handed out */
    size_t slot;     /* the first frame's */
    size_t first;    /* offset of the first frame */
    size_t next;     /* offset of the first frame that is not handed out */
    size_t end;      /* offset behind the last frame */
    size_t wrap_end; /* offset behind the last frame before the beginning is used again */
    size_t touched;  /* frames, the oldest, that may have been sent before the last rewind */
    bool wrapped;
} hk_window;

/* Frames that left the window, or were handed out. */
typedef struct {
    size_t frames;
    size_t bytes;
} hk_window_tally;

void hk_window_init(hk_window *w, uint8_t *data, size_t size, uint32_t *lengths, size_t slots);

/* Where the next frame of `len` bytes (not 0) is to be written, NULL when it does not fit. With
 * `piece` it has to follow the last one without a gap. Nothing is to be handed out again. */
uint8_t *hk_window_room(hk_window *w, size_t len, bool piece);

/* Takes in the frame of `len` bytes that was written to hk_window_room(w, len, ...); it counts as
 * handed out. */
void hk_window_push(hk_window *w, size_t len);

/* Hands out again: the next frames in one piece, whole, `most` bytes or one frame. *repeated: how
 * many of them may have been sent before. The slice is empty when nothing waits for that. */
hk_slice hk_window_again(hk_window *w, size_t most, size_t *frames, size_t *repeated);

/* Releases the frames that are handed out, but for those of which any byte is among the last
 * `outstanding` bytes. */
hk_window_tally hk_window_acknowledge(hk_window *w, size_t outstanding);

/* What is handed out is to be handed out again. Its last `unsent` bytes were not sent: frames that
 * lie in them whole do not count as repeated the next time. */
void hk_window_rewind(hk_window *w, size_t unsent);

/* Releases every frame, handed out or not. */
size_t hk_window_clear(hk_window *w);

/* The frames, counted by their lengths from the first to the end: what `count` must be. */
size_t hk_window_recount(const hk_window *w);

#endif
