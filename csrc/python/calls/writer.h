/* writer.h -- passes frames to an object with write().
 *
 * What write() returns means:
 *   - from an io.RawIOBase: None, nothing was taken; a number, so many bytes were taken;
 *   - from any other object: False, the frame is dropped; any other value, also None and numbers,
 *     the frame was taken: write() of nearly every object returns None.
 *
 * An io.RawIOBase or io.BufferedIOBase may take part of a frame. Then the rest is kept, and the
 * next call writes it before any other frame. One thread at a time writes to such a stream. */
#ifndef HEKA_WRITER_H
#define HEKA_WRITER_H

#include "writer_turn.h"

/* One stream. The object that holds it is kept alive by the caller during every call. */
typedef struct {
    PyObject *stream; /* owned; with `weak` a weak reference to it; NULL: none is attached */
    PyObject *failed; /* owned: failed(exception) -> str, the drop reason */
    PyObject *wait;   /* owned: wait(stream, seconds) -> bool, true: try again; NULL: never wait */
    bool weak;
    bool flushes;   /* flush() is called after each frame */
    bool raw;       /* an io.RawIOBase */
    bool parts;     /* it may take part of a frame; then turns.lock is held during every write */
    PyObject *rest; /* owned bytes: a partly written frame; or NULL */
    size_t rest_at; /* bytes of it that were taken */
    double stuck_since; /* heka_now() when it stopped taking bytes; 0: it takes them */
    heka_turns turns;   /* turns.generation is also the fork generation of rest */
} heka_writer;

/* What one call did, beside its result. */
typedef struct {
    PyObject *reason; /* owned str: the drop reason of the frame; NULL: it is not dropped */
    size_t finished;  /* bytes of an earlier frame whose rest this call has written; 0: none */
    bool kept;        /* the stream took part of the frame: the writer keeps the rest */
    bool lost;        /* the rest of an earlier frame was given up: its stream was freed */
} heka_written;

/* Attaches a stream; see the members. wait may be NULL. 0, or -1 with an exception. */
int heka_writer_attach(heka_state *state, heka_writer *w, PyObject *stream, PyObject *failed,
                       PyObject *wait, bool weak, bool flushes);

/* Passes data, a frame or another object of an encoder, to write(), then calls flush(). Waits for a
 * stream that may take parts, until it has taken nothing for `timeout` seconds.
 * 1: it was taken. 0: either out->reason or out->kept is set. -1: an exception that is no Exception
 * (KeyboardInterrupt), or one that the caller must report; out->kept may be set. */
int heka_writer_write(heka_state *state, heka_writer *w, PyObject *data, double timeout,
                      heka_written *out);

/* Writes the rest of a frame and flushes the buffer, within timeout seconds.
 * 1: nothing is left. 0: some is left. -1: as above. */
int heka_writer_finish(heka_state *state, heka_writer *w, double timeout, heka_written *out);

/* Whether a frame of this process is partly written. */
bool heka_writer_has_rest(const heka_writer *w);

/* Gives up the rest of a frame. False: there is none, or a running call is writing it. */
bool heka_writer_abandon(heka_writer *w);

int heka_writer_traverse(heka_writer *w, visitproc visit, void *arg);
void heka_writer_clear(heka_writer *w); /* breaks cycles; afterwards there is no stream */
void heka_writer_free(heka_writer *w);  /* for dealloc, after clear */

#endif
