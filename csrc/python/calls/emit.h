/* emit.h -- the steps of one log call: from its arguments and the settings to a sink.
 *
 *     heka_emission e = {.call_args = {...}, .severity = severity};
 *     if (heka_emission_begin(&e, settings, &own) == 0 && heka_emission_encode(&e, &out) == 0)
 *         result = heka_emission_send(&e, sink, &out);
 *     heka_emission_end(&e);
 *
 * The message begins at out->data + HK_FRAME_ROOM; the room before it is for the frame header. */
#ifndef HEKA_EMIT_H
#define HEKA_EMIT_H

#include <stdatomic.h>

#include "python/messages/codec.h"
#include "send.h"
#include "settings.h"

/* The fields `name` and `rate` of counters, timers and gauges. They replace fields of the caller
 * that have these names. */
typedef struct {
    PyObject *name; /* borrowed */
    double rate;
} heka_label;

/* The settings in the arguments of the call; NULL or None: not given. Borrowed. */
typedef struct {
    PyObject *logger;
    PyObject *signer;
    PyObject *bad_values;
    PyObject *hook;
    PyObject *oversize;
    PyObject *timeout;
} heka_overrides;

typedef struct {
    heka_call_args call_args; /* borrowed; the logger is filled in */
    int64_t clock;            /* the wall clock as the encoder has read it, in ns; 0: it has not */
    int32_t severity;
    const heka_label *label; /* borrowed, or NULL */
    /* set by begin(): */
    heka_state *state;         /* borrowed */
    const hk_identity *signer; /* borrowed from owned, or NULL */
    heka_policy policy;
    heka_oversize oversize;
    double timeout;      /* seconds */
    PyObject *owned[4];  /* signer, logger, policy.hook: owned, as other code may change the
                            settings while the call runs; and the shortened payload */
    size_t payload_size; /* bytes of the payload before shorten(); 0: it was not shortened */
    bool too_large;      /* larger than any message may be, so nothing was encoded */
} heka_emission;

/* Reads the settings; those of the call have precedence. 0, or -1 with TypeError or ValueError; the
 * caller must call heka_emission_end() in both cases. */
int heka_emission_begin(heka_emission *e, HekaSettings *settings, const heka_overrides *own);
void heka_emission_end(heka_emission *e);

/* With oversize='truncate': cuts a huge payload to what a message can hold, before it is copied.
 * Not for messages that Python receives before send(). 0, or -1. */
int heka_emission_shorten(heka_emission *e);

/* Starts *out in block and appends the message; fields of the context come after its own. 0, or -1
 * with an exception. The caller must clear *out in both cases. With e->too_large, *out has no
 * message, and send() drops it. */
int heka_emission_encode(heka_emission *e, uint8_t *block, size_t size, hk_buffer *out);

/* Applies the oversize policy, frames, signs and sends: 1 sent, 0 dropped and counted, -1 an
 * exception. capture(bytes), if it is not NULL, is called instead of the sink, which then says only
 * how large a frame may be, and counts nothing. One of both may be NULL. */
int heka_emission_send(heka_emission *e, HekaSink *sink, PyObject *capture, hk_buffer *out);

/* How many of heka's own threads run, or were left behind by a fork; a thread-local variable costs
 * a call to read, so it is asked only where this is not 0. */
extern _Atomic unsigned heka_own_threads;
int heka_refuse_own_thread(HekaSink *sink, int *result);

/* 1: this is one of heka's own threads, so the message is dropped as 'reentrant', and *result is
 * what the call returns. 0: it is not. */
static inline int
heka_emission_refuse(HekaSink *sink, int *result)
{
    return HK_LIKELY(atomic_load_explicit(&heka_own_threads, memory_order_relaxed) == 0)
               ? 0
               : heka_refuse_own_thread(sink, result);
}

/* The function mark_own_thread of the module. */
PyObject *heka_mark_own_thread(PyObject *module, PyObject *own);
extern const char heka_mark_own_thread_doc[];

#endif
