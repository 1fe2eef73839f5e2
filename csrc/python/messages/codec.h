/* codec.h -- heka.pack and heka.frame: encodes arguments to a framed message. */
#ifndef HEKA_CODEC_H
#define HEKA_CODEC_H

#include "core/wire/hk_frame.h"
#include "python/base/state.h"
#include "python/values/coerce.h"

/* Bytes of the buffers on the stack; most messages fit, so encoding them allocates nothing. */
#define HEKA_BLOCK 4096u

/* The arguments of a log call or of heka.pack. Borrowed from the caller's arguments, which own them
 * for the whole call; NULL where absent. */
typedef struct {
    PyObject *type; /* str, as logger, payload, env_version and hostname */
    PyObject *logger;
    PyObject *fields; /* any mapping */
    PyObject *payload;
    PyObject *env_version;
    PyObject *pid; /* int or an object with __index__ */
    PyObject *hostname;
    PyObject *timestamp;    /* seconds, or datetime */
    PyObject *timestamp_ns; /* int or an object with __index__ */
    PyObject *uuid;         /* bytes, uuid.UUID or str */
} heka_call_args;

/* What the encoder of a call knows beside the bytes. */
typedef struct {
    PyObject *escaped[3]; /* owned: type, logger and payload, where a lenient policy had lone
                             surrogates escaped; the caller sets them to NULL, and clears them */
    size_t head_len;      /* length of the buffer before the fields */
    int64_t clock;        /* the wall clock, in ns; 0: it was not read */
} heka_encoded;

/* Appends the encoded message; *encoded may be NULL, but not with a lenient policy.
 * May run user code. 0, or -1 with an exception; *out may then have partial output. */
int heka_encode_call(heka_state *state, const heka_call_args *call_args, int32_t severity,
                     const heka_policy *policy, hk_buffer *out, heka_encoded *encoded);

/* Checks that *text is a str without lone surrogates. With a lenient policy these are escaped:
 * *text is then the text that *owned keeps (owned NULL: they are not). 0, or -1 with TypeError or
 * EncodeError, which contain `name`. */
int heka_text_encodable(heka_state *state, const char *name, const heka_policy *policy,
                        PyObject **text, PyObject **owned);

/* Raises EncodeError for a message of `size` bytes. Returns -1. */
int heka_refuse_size(heka_state *state, size_t size);

/* METH_FASTCALL | METH_KEYWORDS functions of the module. */
PyObject *heka_pack(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *heka_frame(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

/* METH_O: raises EncodeError if its argument is one frame whose payload is no Message. */
PyObject *heka_check_frame(PyObject *module, PyObject *data);

extern const char heka_pack_doc[];
extern const char heka_frame_doc[];
extern const char heka_check_frame_doc[];

#endif
