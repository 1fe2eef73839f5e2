/* writer.h -- hands frames to an object with write(): a stream of the program's own.
 *
 * What write() returns means:
 *   - from an io.RawIOBase: None, nothing was taken; a number, so many bytes were taken;
 *   - from any other object: False, the frame is dropped; anything else, also None and numbers, the
 *     frame is done: write() of nearly every object returns None.
 *
 * An io.RawIOBase or io.BufferedIOBase may take a part of a frame. Then the rest is kept, and goes
 * first at the next call, before any other frame. One thread at a time writes to such a stream. */
#ifndef HEKA_WRITER_H
#define HEKA_WRITER_H

#include "writer_turn.h"

/* One stream. The object that holds it is kept alive by the caller during every call. */
typedef struct {
    PyObject *stream; /* owned; with `weak` a weak reference to it; NULL: none is attached */
    PyObject
        *failed; /* owned: failed(exception) -> str, the reason that the frame is counted under */
    PyObject *wait; /* owned: wait(stream, seconds) -> bool, true: try again; NULL: never wait */
    bool weak;
    bool flushes;   /* flush() is called after each frame */
    bool raw;       /* an io.RawIOBase */
    bool parts;     /* it may take a part of a frame; then turns.lock is held during every write */
    PyObject *rest; /* owned bytes: a frame that was begun and not finished; or NULL */
    size_t rest_at; /* bytes of it that were taken */
    double stuck_since; /* heka_turn_now() when it stopped taking bytes; 0: it takes them */
    heka_turns turns;   /* their fork generation is that of rest, too */
} heka_writer;

/* What became of one call beside its result. */
typedef struct {
    PyObject *reason; /* owned str: why the frame is dropped; NULL: it is not */
    size_t finished;  /* bytes of an earlier frame whose rest was taken by this call; 0: none */
    bool kept;        /* the stream took a part: the writer keeps the rest */
    bool lost;        /* an earlier frame was given up, as the stream is gone that has its part */
} heka_written;

/* Attaches a stream; see the members. wait may be NULL. 0, or -1 with an exception. */
int heka_writer_attach(heka_state *state, heka_writer *w, PyObject *stream, PyObject *failed,
                       PyObject *wait, bool weak, bool flushes);

/* Gives data, a frame or what else an encoder made, to write(), then calls flush(). A stream that
 * may take parts is waited for until it has taken nothing for `timeout` seconds.
 * 1: it was taken. 0: see out, either reason or kept is set. -1: an exception that is no Exception
 * (KeyboardInterrupt), or one that this call is to report; out->kept may be set. */
int heka_writer_write(heka_state *state, heka_writer *w, PyObject *data, double timeout,
                      heka_written *out);

/* Has the rest of a frame taken, and what is buffered flushed, within timeout seconds.
 * 1: nothing is left. 0: some is. -1: as above. */
int heka_writer_finish(heka_state *state, heka_writer *w, double timeout, heka_written *out);

/* Whether a frame of this process was begun and not finished. */
bool heka_writer_has_rest(const heka_writer *w);

/* Gives up the rest of a frame. False: there is none, or the call that writes it is under way. */
bool heka_writer_abandon(heka_writer *w);

int heka_writer_traverse(heka_writer *w, visitproc visit, void *arg);
void heka_writer_clear(heka_writer *w); /* breaks cycles; the stream is gone */
void heka_writer_free(heka_writer *w);  /* for dealloc, after clear */

#endif
