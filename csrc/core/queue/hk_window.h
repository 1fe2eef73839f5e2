/* hk_window.h -- the bytes of frames in flight, one behind the other without gaps.
 *
 *     first      next        end
 *       |         |           |
 *       v         v           v
 *     [ handed out | to be handed out again ]    oldest frame first
 *
 * What is handed out goes to send() as it is. The memory is used as a ring: a frame that does not
 * fit before the end goes to the beginning, and a batch ends there too. The lengths of the frames
 * are kept by hk_flight.h, whose owner says them here.
 * No allocation, no lock, memory is the caller's; one owner at a time. Includes: hk_flight.h. */
#ifndef HK_WINDOW_H
#define HK_WINDOW_H

#include "hk_flight.h"

/* All are private. */
typedef struct {
    uint8_t *data; /* borrowed: `size` bytes of frames */
    size_t size;
    size_t first;    /* offset of the first frame */
    size_t next;     /* offset of the first frame that is not handed out */
    size_t end;      /* offset behind the last frame */
    size_t wrap_end; /* offset behind the last frame before the beginning is used again */
    bool wrapped;
} hk_window;

void hk_window_init(hk_window *w, uint8_t *data, size_t size);

/* Takes in a frame of `len` bytes, not 0: where it is to be written, NULL when it does not fit. It
 * counts as handed out; nothing is to be handed out again. With `follows` it has to follow the last
 * one without a gap. */
uint8_t *hk_window_push(hk_window *w, size_t len, bool follows);

/* Hands out again the next frame, of `len` bytes. NULL: with `follows`, when it does not follow the
 * one before without a gap; then nothing has changed. */
const uint8_t *hk_window_again(hk_window *w, size_t len, bool follows);

/* What is handed out is to be handed out again. */
static inline void
hk_window_rewind(hk_window *w)
{
    w->next = w->first;
}

/* Removes every frame. */
static inline void
hk_window_clear(hk_window *w)
{
    w->first = w->next = w->end = w->wrap_end = 0;
    w->wrapped = false;
}

/* Removes the oldest frame, of `len` bytes; it was handed out. */
static inline void
hk_window_release(hk_window *w, size_t len)
{
    w->first += len;
    if (w->wrapped && w->first == w->wrap_end) {
        w->next = w->next == w->wrap_end ? 0 : w->next;
        w->first = 0;
        w->wrapped = false;
    }
    if (w->first == w->end && !w->wrapped) {
        hk_window_clear(w); /* a window that is emptied again and again stays in the cache */
    }
}

/* The frames from the first to the end, by the lengths that `f` has: what f->count must be. */
size_t hk_window_count(const hk_window *w, const hk_flight *f);

#endif
