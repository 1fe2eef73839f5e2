/* hk_window.c -- frames under way: one piece of memory, used round and round. */
#include "hk_window.h"

#include <assert.h>

void
hk_window_init(hk_window *w, uint8_t *data, size_t size, uint32_t *lengths, size_t slots)
{
    assert(data != NULL && lengths != NULL && slots > 0);
    *w = (hk_window){.data = data, .size = size, .lengths = lengths, .slots = slots};
}

static inline size_t
slot_of(const hk_window *w, size_t index) /* of the frame, 0 is the oldest */
{
    const size_t slot = w->slot + index; /* both are below 2^62: a slot takes 4 bytes */
    return slot < w->slots ? slot : slot - w->slots;
}

static void
start_over(hk_window *w)
{
    assert(w->out == 0 && w->bytes == 0);
    w->slot = w->first = w->next = w->end = w->wrap_end = w->touched = 0;
    w->wrapped = false;
}

uint8_t *
hk_window_room(hk_window *w, size_t len, bool piece)
{
    assert(len > 0 && w->out == w->count);
    if (w->count == w->slots) {
        return NULL;
    }
    const size_t left = (w->wrapped ? w->first : w->size) - w->end;
    if (len <= left) {
        return w->data + w->end;
    }
    if (w->wrapped || piece || len > w->first) {
        return NULL;
    }
    w->wrapped = true;
    w->wrap_end = w->end;
    w->end = w->next = 0;
    return w->data;
}

void
hk_window_push(hk_window *w, size_t len)
{
    assert(w->count < w->slots && len <= w->size - w->end && len <= UINT32_MAX);
    w->lengths[slot_of(w, w->count)] = (uint32_t)len;
    w->count++;
    w->out++;
    w->bytes += len;
    w->end += len;
    w->next = w->end;
}

hk_slice
hk_window_again(hk_window *w, size_t most, size_t *frames, size_t *repeated)
{
    size_t len = 0;
    size_t n = 0;
    if (w->wrapped && w->next == w->wrap_end && w->out < w->count) {
        w->next = 0;
    }
    const size_t start = w->next;
    *repeated = w->out < w->touched ? w->touched - w->out : 0;
    while (w->out < w->count) {
        const size_t frame = w->lengths[slot_of(w, w->out)];
        if (n > 0 && (len > most || frame > most - len || (w->wrapped && w->next == w->wrap_end))) {
            break;
        }
        w->next += frame;
        w->out++;
        len += frame;
        n++;
    }
    w->bytes += len;
    *frames = n;
    *repeated = *repeated < n ? *repeated : n;
    return (hk_slice){w->data + start, len};
}

hk_window_tally
hk_window_acknowledge(hk_window *w, size_t outstanding)
{
    hk_window_tally gone = {0, 0};
    while (w->out > 0) {
        const size_t frame = w->lengths[w->slot];
        assert(frame <= w->bytes);
        if (w->bytes - frame < outstanding) {
            break;
        }
        gone.frames++;
        gone.bytes += frame;
        w->bytes -= frame;
        w->out--;
        w->count--;
        w->touched -= w->touched > 0;
        w->slot = slot_of(w, 1);
        w->first += frame;
        if (w->wrapped && w->first == w->wrap_end) {
            w->next = w->next == w->wrap_end ? 0 : w->next; /* a wrapped frame ends before it */
            w->first = 0;
            w->wrapped = false;
        }
    }
    if (w->count == 0) {
        start_over(w);
    }
    return gone;
}

void
hk_window_rewind(hk_window *w, size_t unsent)
{
    size_t sent = w->bytes - (unsent < w->bytes ? unsent : w->bytes);
    size_t touched = 0;
    for (size_t before = 0; touched < w->out && before < sent; touched++) {
        before += w->lengths[slot_of(w, touched)];
    }
    w->touched = touched > w->touched ? touched : w->touched;
    w->out = 0;
    w->bytes = 0;
    w->next = w->first;
}

size_t
hk_window_clear(hk_window *w)
{
    const size_t frames = w->count;
    w->count = w->out = w->bytes = 0;
    start_over(w);
    return frames;
}

size_t
hk_window_recount(const hk_window *w)
{
    size_t frames = 0;
    size_t at = w->first;
    bool wrapped = w->wrapped;
    while (frames <= w->slots && (wrapped || at != w->end)) {
        at += w->lengths[slot_of(w, frames)];
        frames++;
        if (wrapped && at == w->wrap_end) {
            at = 0;
            wrapped = false;
        }
    }
    return frames;
}
