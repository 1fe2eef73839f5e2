/* run.h -- one run over a mapping of fields: what coerce.c and plain.c share. */
#ifndef HEKA_RUN_H
#define HEKA_RUN_H

#include "python/base/state.h"

/* What becomes of a value without a type. */
typedef struct {
    bool use_repr;     /* true: its repr is sent; false: FieldError */
    PyObject *convert; /* borrowed: called with such a value for one that has a type; or NULL */
    bool *too_large;   /* borrowed: set when there was more than any message holds; or NULL */
} heka_policy;

/* Fields whose text came from the wire: what their own bytes hold may go back. */
typedef struct {
    hk_slice wire; /* the canonical fields that the values were read from */
} heka_origin;

/* One run over a mapping. */
typedef struct {
    heka_state *state;         /* borrowed */
    hk_buffer *out;            /* borrowed */
    const heka_policy *policy; /* borrowed */
    const heka_origin *origin; /* borrowed, or NULL */
    hk_buffer path;            /* owned: "outer." for each mapping that we are in */
    unsigned depth;
    bool nested;  /* a mapping inside was flattened */
    bool dotted;  /* a key holds a dot */
    bool unusual; /* a key is no exact str, or a mapping no exact dict: keys may repeat */
    bool escaped; /* the field being written holds bytes that only the wire may bring */
    bool endless; /* too deep or too big, for which only a whole entry's repr can stand in */
} heka_run;

typedef enum {
    KIND_STRING = HK_STRING,
    KIND_BYTES = HK_BYTES,
    KIND_INTEGER = HK_INTEGER,
    KIND_DOUBLE = HK_DOUBLE,
    KIND_BOOL = HK_BOOL,
    KIND_MAPPING,
    KIND_ITERABLE,
    KIND_UNKNOWN,
    KIND_ERROR, /* an exception is set */
} heka_kind;

static const hk_text heka_no_text = {.data = "", .len = 0, .kind = HK_TEXT_UTF8};

/* The name in front of what is being written: "outer." for each mapping that we are in. */
static inline hk_slice
heka_run_path(const heka_run *r)
{
    return (hk_slice){r->path.data, r->path.len};
}

/* Raises what a status of the core stands for. Returns -1. */
int heka_run_fail(heka_run *r, hk_status status);

/* Goes into the mapping called `name`, and out of it again to where path.len was path_len. */
HK_CHECK hk_status heka_run_enter(heka_run *r, const hk_text *name);
void heka_run_leave(heka_run *r, size_t path_len);

#endif
