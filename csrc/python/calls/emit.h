/* emit.h -- one log call under way: from its words and the settings to a sink.
 *
 *     heka_emission e = {.call_args = {...}, .severity = severity};
 *     if (heka_emission_begin(&e, settings, &own) == 0 && heka_emission_encode(&e, &out) == 0)
 *         result = heka_emission_send(&e, sink, &out);
 *     heka_emission_end(&e);
 *
 * The message stands at out->data + HK_FRAME_ROOM, with room for its frame in front. */
#ifndef HEKA_EMIT_H
#define HEKA_EMIT_H

#include "python/messages/codec.h"
#include "send.h"
#include "settings.h"

/* The fields of counters, timers and gauges, which come after the caller's and win over them. */
typedef struct {
    PyObject *name; /* borrowed */
    double rate;
} heka_label;

/* What the call itself says of its settings; NULL or None where it does not. Borrowed. */
typedef struct {
    PyObject *logger;
    PyObject *signer;
    PyObject *bad_values;
    PyObject *convert;
    PyObject *oversize;
    PyObject *timeout;
} heka_overrides;

typedef struct {
    heka_call_args call_args; /* borrowed; the logger is filled in */
    int32_t severity;
    const heka_label *label; /* borrowed, or NULL */
    /* what begin() finds: */
    heka_state *state;         /* borrowed */
    const hk_identity *signer; /* borrowed from owned, or NULL */
    heka_policy policy;
    heka_oversize oversize;
    double timeout;      /* seconds */
    PyObject *owned[4];  /* signer, logger, policy.convert: while the call runs, others may change
                            the settings; and the beginning of a payload */
    size_t payload_size; /* bytes of the payload before shorten(); 0: it is whole */
    bool too_large;      /* more than any message holds, so nothing was encoded */
} heka_emission;

/* Reads the settings, the call's own before the others. 0, or -1 with TypeError or ValueError;
 * heka_emission_end() is due in both cases. */
int heka_emission_begin(heka_emission *e, HekaSettings *settings, const heka_overrides *own);
void heka_emission_end(heka_emission *e);

/* Where the policy is to truncate: drops the part of a huge payload that no message could hold,
 * before it is copied. For messages that send() gets as they are encoded. 0, or -1. */
int heka_emission_shorten(heka_emission *e);

/* Starts *out in block and appends the message, the context's fields behind its own. 0, or -1 with
 * an exception. *out is to be cleared in both cases. With e->too_large there is no message in it,
 * and send() drops it. */
int heka_emission_encode(heka_emission *e, uint8_t *block, size_t size, hk_buffer *out);

/* Cuts what is too large, frames, signs and sends: 1 sent, 0 dropped and counted, -1 an exception.
 * capture(bytes), where there is one, is called instead of the sink. */
int heka_emission_send(heka_emission *e, HekaSink *sink, PyObject *capture, hk_buffer *out);

#endif
