/* run.h -- the state of one encoding run over a mapping of fields; for coerce.c and plain.c.
 *
 * A run is a local variable of heka_coerce_fields and owns only its path, so nested runs (user code
 * that logs while its value is being encoded) share no state. */
#ifndef HEKA_RUN_H
#define HEKA_RUN_H

#include "core/wire/hk_names.h"
#include "python/base/state.h"

/* The setting bad_values: what to do with a value that cannot be sent. */
typedef enum {
    HEKA_BAD_RAISE,   /* FieldError */
    HEKA_BAD_REPR,    /* its repr is sent */
    HEKA_BAD_CONVERT, /* convert.c converts it; None and what is empty is left out; else its repr */
} heka_bad_values;

/* How to handle a value without a wire type. */
typedef struct {
    heka_bad_values bad_values;
    PyObject *hook;    /* borrowed callable: returns a replacement for such a value; or NULL */
    bool *too_large;   /* borrowed: set when the output exceeds HK_LENGTH_MAX; or NULL */
    uint64_t *altered; /* borrowed: is increased by the number of values that were not sent as
                          given, as bad_values says; or NULL */
} heka_policy;

/* Whether no value raises. */
static inline bool
heka_is_lenient(const heka_policy *policy)
{
    return policy->bad_values != HEKA_BAD_RAISE;
}

/* With HEKA_BAD_CONVERT: how many items are read from one iterable or mapping of the program, and
 * how many entries nested mappings may have together. Each takes a byte or more, so a message holds
 * at most as many. */
#define HEKA_ITEMS_MAX 65536

/* Fields that were decoded from the wire: their bytes may be sent again even if they are not UTF-8.
 */
typedef struct {
    hk_slice wire;      /* borrowed: the canonical fields that the values were decoded from */
    hk_names valueless; /* owned: of these fields; made when it is needed */
    hk_names wholes;    /* owned: likewise */
} heka_origin;

/* One encoding run. */
typedef struct {
    heka_state *state;         /* borrowed */
    hk_buffer *out;            /* borrowed */
    const heka_policy *policy; /* borrowed */
    heka_origin *origin;       /* borrowed, or NULL */
    hk_buffer path;            /* owned: "outer." for each enclosing mapping */
    unsigned depth;            /* enclosing mappings */
    bool nested;               /* a nested mapping was flattened */
    bool dotted;               /* a key contains a dot */
    bool may_repeat;           /* a key is not an exact str, or a mapping not an exact dict */
    bool escaped;              /* the current field has bytes that only the wire may contain */
    bool over_limit;           /* too deep or too big: the outermost entry becomes its repr */
    bool too_large;            /* too big for any message: the setting oversize decides */
    unsigned entries;          /* of nested mappings; counted with HEKA_BAD_CONVERT only */
    uint64_t altered;          /* values that were not sent as given */
} heka_run;

/* What a Python value becomes. The first five are the wire types and have their numbers. */
typedef enum {
    KIND_STRING = HK_STRING,
    KIND_BYTES = HK_BYTES,
    KIND_INTEGER = HK_INTEGER,
    KIND_DOUBLE = HK_DOUBLE,
    KIND_BOOL = HK_BOOL,
    KIND_MAPPING,  /* flattened into several fields */
    KIND_ITERABLE, /* several values of one field */
    KIND_UNKNOWN,  /* no wire type: its repr, or FieldError */
    KIND_ABSENT,   /* None, with HEKA_BAD_CONVERT: the field is left out */
    KIND_ERROR,    /* an exception is set */
} heka_kind;

static const hk_text heka_no_text = {.data = "", .len = 0, .kind = HK_TEXT_UTF8};

/* The prefix of the current field's name: "outer." for each enclosing mapping. */
static inline hk_slice
heka_run_path(const heka_run *r)
{
    return (hk_slice){r->path.data, r->path.len};
}

/* Raises the exception for a status of the core. Returns -1. */
int heka_run_fail(heka_run *r, hk_status status);

/* Enters the nested mapping `name`: appends "name." to the path. Leaves it: cuts the path to
 * path_len, its length before. */
HK_CHECK hk_status heka_run_enter(heka_run *r, const hk_text *name);
void heka_run_leave(heka_run *r, size_t path_len);

#endif
