/* hk_flight.c -- the lengths of frames in flight. */
#include "hk_flight.h"

bool
hk_flight_repeat(hk_flight *f)
{
    const bool repeated = f->out < f->touched;
    f->out_bytes += hk_flight_next(f);
    f->out++;
    return repeated;
}

void
hk_flight_rewind(hk_flight *f, size_t unsent)
{
    const size_t sent = f->out_bytes - (unsent < f->out_bytes ? unsent : f->out_bytes);
    size_t touched = 0;
    for (size_t before = 0; touched < f->out && before < sent; touched++) {
        before += f->lengths[hk_flight_slot(f, touched)];
    }
    f->touched = touched > f->touched ? touched : f->touched;
    f->out = f->out_bytes = 0;
}

void
hk_flight_remove(hk_flight *f, size_t frames)
{
    for (size_t i = f->out; i < f->out + frames; i++) {
        f->bytes -= f->lengths[hk_flight_slot(f, i)];
    }
    for (size_t i = f->out; i + frames < f->count; i++) {
        f->lengths[hk_flight_slot(f, i)] = f->lengths[hk_flight_slot(f, i + frames)];
    }
    const size_t beyond = f->touched > f->out ? f->touched - f->out : 0;
    f->touched -= beyond < frames ? beyond : frames;
    f->count -= frames;
}

size_t
hk_flight_clear(hk_flight *f)
{
    const size_t frames = f->count;
    f->slot = f->count = f->bytes = f->out = f->out_bytes = f->touched = 0;
    return frames;
}
