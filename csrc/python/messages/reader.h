/* reader.h -- what heka.StreamReader and heka.BlockReader have in common: settings,
 * account, closing. */
#ifndef HEKA_READER_H
#define HEKA_READER_H

#include "core/wire/hk_reader.h"
#include "python/base/state.h"

/* Both types begin with this struct. */
typedef struct {
    PyObject_HEAD
    hk_reader reader;
    hk_keyring *keys; /* owned; NULL: nothing is verified. reader borrows it */
    bool busy;        /* inside feed(): a finalizer that runs there must not call feed() again */
    bool unlocked;    /* busy without the GIL: other threads must not look at reader */
} HekaReader;

/* A new object of that type from the arguments max_message_size, signers and require_signature.
 * Verifies all arguments before it allocates the reader; the signers mapping is the one argument
 * whose reading may fail afterwards: the type's dealloc then gets a zeroed reader. */
PyObject *heka_reader_new(PyTypeObject *type, const char *fname, PyObject *args, PyObject *kwargs);

/* Frees what the reader owns; for dealloc. */
void heka_reader_clear(HekaReader *self);

/* Marks the reader as busy; RuntimeError when it is. Allocating the results may start a collection,
 * and a finalizer may call feed() or close() on this very reader. `what`: the method's name. */
int heka_reader_enter(HekaReader *self, const char *what);

/* For the slots and tables of the types: the account as text and as attributes, and close(). */
PyObject *heka_reader_repr(PyObject *op);
PyObject *heka_reader_close(PyObject *op, PyObject *ignored);
extern PyGetSetDef heka_reader_getset[];

/* A new Frame with copies of what *from borrows. */
PyObject *heka_frame_new(heka_state *state, const hk_frame *from);

#endif
