/* hk_window.c -- the bytes of frames in flight: one block of memory, used as a ring. */
#include "hk_window.h"

#include <assert.h>

void
hk_window_init(hk_window *w, uint8_t *data, size_t size)
{
    assert(data != NULL);
    *w = (hk_window){.data = data, .size = size};
}

uint8_t *
hk_window_push(hk_window *w, size_t len, bool follows)
{
    assert(len > 0 && w->next == w->end);
    const size_t left = (w->wrapped ? w->first : w->size) - w->end;
    if (len > left) {
        if (w->wrapped || follows || len > w->first) {
            return NULL;
        }
        w->wrapped = true;
        w->wrap_end = w->end;
        w->end = 0;
    }
    uint8_t *to = w->data + w->end;
    w->end += len;
    w->next = w->end;
    return to;
}

const uint8_t *
hk_window_again(hk_window *w, size_t len, bool follows)
{
    if (w->wrapped && w->next == w->wrap_end) {
        if (follows) {
            return NULL;
        }
        w->next = 0;
    }
    const uint8_t *frame = w->data + w->next;
    w->next += len;
    return frame;
}

size_t
hk_window_count(const hk_window *w, const hk_flight *f)
{
    size_t frames = 0;
    size_t at = w->first;
    bool wrapped = w->wrapped;
    while (frames <= f->slots && (wrapped || at != w->end)) {
        at += f->lengths[hk_flight_slot(f, frames)];
        frames++;
        if (wrapped && at == w->wrap_end) {
            at = 0;
            wrapped = false;
        }
    }
    return frames;
}
