/* settings.h -- the defaults of log calls, which Emitter and Client share. */
#ifndef HEKA_SETTINGS_H
#define HEKA_SETTINGS_H

#include "python/base/state.h"
#include "python/messages/oversize.h"
#include "python/values/run.h"

/* The beginning of both objects: they derive from the type Settings, which has the attributes. */
typedef struct {
    PyObject_HEAD
    heka_state *state; /* borrowed from the module, which our type keeps alive; a subclass of Client
                          has no module of its own to ask */
    PyObject *logger;  /* owned, exactly a str: the logger of calls that omit it */
    PyObject *signer;  /* owned: SignerConfig or None */
    PyObject *hook;    /* owned, `default`: called with values of unsupported types; NULL: none */
    double timeout;    /* seconds */
    heka_oversize oversize;
    heka_bad_values bad_values;
    uint64_t filtered; /* messages that a level, a filter or a rate held back */
    uint64_t altered;  /* values that were not sent as given, as bad_values says */
} HekaSettings;

/* Sets the defaults in an object from tp_alloc. */
void heka_settings_init(HekaSettings *self, heka_state *state);
int heka_settings_traverse(HekaSettings *self, visitproc visit, void *arg);
void heka_settings_free(HekaSettings *self);

/* Counts one message that a level, a filter or a rate holds back; returns 0, as "not sent". */
HK_COLD int heka_count_filtered(HekaSettings *self);

/* Return the index of a setting's value in its list, or -1 with TypeError or ValueError. */
int heka_read_oversize(PyObject *value);
int heka_read_bad_values(PyObject *value);

#endif
