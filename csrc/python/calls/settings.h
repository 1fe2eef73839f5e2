/* settings.h -- what a log call does where it does not say: the part that Emitter and Client share.
 */
#ifndef HEKA_SETTINGS_H
#define HEKA_SETTINGS_H

#include "python/base/state.h"
#include "python/messages/oversize.h"

/* The beginning of both objects: they derive from the type Settings, which has the attributes. */
typedef struct {
    PyObject_HEAD
    heka_state *state; /* borrowed from the module, which our type keeps alive; a subclass of Client
                          has no module of its own to ask */
    PyObject *logger;  /* owned str of no subclass: the logger of a call without one */
    PyObject *signer;  /* owned: SignerConfig or None */
    PyObject *convert; /* owned: called with values that have no type; NULL: none */
    double timeout;    /* seconds */
    heka_oversize oversize;
    bool use_repr; /* bad_values == 'repr' */
} HekaSettings;

/* A tp_alloc'ed object's part: the defaults. */
void heka_settings_init(HekaSettings *self, heka_state *state);
int heka_settings_traverse(HekaSettings *self, visitproc visit, void *arg);
void heka_settings_free(HekaSettings *self);

/* The words of a setting: index of the word, or -1 with TypeError or ValueError. */
int heka_read_oversize(PyObject *value);
int heka_read_bad_values(PyObject *value); /* 0 'raise', 1 'repr' */

#endif
