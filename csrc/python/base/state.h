/* state.h -- the state of the module in one interpreter, grouped by the file that sets it.
 *
 * One struct in the module's state, nothing static: each interpreter has its own types, its own
 * exceptions and its own caches. Every pointer is owned by the module, which clears it. */
#ifndef HEKA_STATE_H
#define HEKA_STATE_H

#include "pycompat.h"

#include "core/base/hk_clock.h"
#include "core/wire/hk_encode.h"

/* The names of all arguments; args.c interns them, so that parsing compares pointers. */
/* clang-format off */
#define HEKA_NAMES(X)                                                        \
    X(type) X(logger) X(severity) X(fields) X(payload) X(env_version) X(pid) \
    X(hostname) X(timestamp) X(uuid) X(timestamp_ns) X(signer)               \
    X(signer_config) X(values) X(representation) X(value_type) X(name)       \
    X(version) X(key) X(hash) X(max_message_size) X(signers)                 \
    X(require_signature) X(to) X(bad_values) X(oversize) X(timeout) X(open)  \
    X(deliver) X(fd) X(datagram) X(ticket) X(clock) X(count) X(value)        \
    X(elapsed) X(rate) X(stream) X(failed) X(function) X(capacity)           \
    X(max_frame) X(window) X(directory) X(ring) X(bytes) X(most) X(reason)   \
    X(outstanding) X(unsent) X(linger) X(write_timeout) X(idle) X(wait)       \
    X(weak) X(flushes) X(mapped) X(text) X(dialect) X(segment) X(drop_old)    \
    X(block) X(min_free) X(rejected) X(lazy) X(interval) X(percents)          \
    X(prefixes) X(legacy) X(delete_idle) X(idle_flushes) X(max_stats)         \
    X(max_values)
/* clang-format on */
/* `default` is a keyword of C. */
#define HEKA_NAME_ENUM(name) HEKA_NAME_##name,
typedef enum { HEKA_NAMES(HEKA_NAME_ENUM) HEKA_NAME_default_, HEKA_NAME_COUNT } heka_name;

/* Slots of the cache of short strings from the wire: names, loggers and hosts repeat. */
#define HEKA_TEXT_CACHE 512u

/* Bytes of the encoded origin (see below). Each byte of a host name that is not valid UTF-8 takes
 * three bytes. */
#define HEKA_ORIGIN_MAX HK_ORIGIN_SIZE(3u * HK_HOSTNAME_MAX + 8u)

/* Every object that the state owns, as X(type, name), grouped by the file that sets it. The struct
 * below, traverse and clear are generated from this list, so that none of them can miss one. */
/* clang-format off */
#define HEKA_STATE_OBJECTS(X)                                                                     \
    /* errors.c: exceptions */                                                                    \
    X(PyObject, HekaError) X(PyObject, EncodeError) X(PyObject, FieldError)                       \
    X(PyObject, DecodeError) X(PyObject, SignatureError) X(PyObject, ConfigError)                 \
    X(PyObject, MatcherError)                                                                     \
    /* text.c */                                                                                  \
    X(PyObject, empty)           /* '' */                                                         \
    /* head.c */                                                                                  \
    X(PyObject, env_version)     /* '0.8', what every client of the family writes */              \
    X(PyObject, hostname)        /* of this process, as long as `generation` is its own */        \
    X(PyObject, datetime_type)   /* datetime.datetime */                                          \
    X(PyObject, epoch)           /* 1970-01-01T00:00:00Z as an aware datetime */                  \
    X(PyObject, uuid_type)       /* uuid.UUID; NULL until one is looked for */                    \
    X(PyObject, clock_source)    /* tests only: called for the time in ns; NULL: the clock */     \
    X(PyObject, uuid_source)     /* tests only: called for 16 bytes; NULL: the generator */       \
    /* coerce.c */                                                                                \
    X(PyObject, enum_type)       /* enum.Enum */                                                  \
    X(PyObject, mapping_type)    /* collections.abc.Mapping */                                    \
    /* convert.c */                                                                               \
    X(PyObject, converter_load)  /* load() -> (convert, show), the two below; or NULL */          \
    X(PyObject, convert_value)   /* NULL until a value needs them */                              \
    X(PyObject, show_value)                                                                       \
    /* sink.c */                                                                                  \
    X(PyObject, write_name)      /* 'write', 'flush': methods of streams */                       \
    X(PyObject, flush_name)                                                                       \
    X(PyObject, raw_type)        /* io.RawIOBase, io.BufferedIOBase: looked up early, as nothing */ \
    X(PyObject, buffered_type)   /* can be imported any more when the interpreter ends */         \
    /* bound.c */                                                                                 \
    X(PyObject, context_var)     /* a ContextVar: the Bound that is in force */                   \
    /* client.c */                                                                                \
    X(PyObject, client_capture)  /* tests only: called with a Client, returns what takes its */   \
                                 /* frames, or None; NULL: nothing is captured */                 \
    X(PyObject, counter)         /* 'counter', as the next two: types of messages */              \
    X(PyObject, gauge)                                                                            \
    X(PyObject, timer)                                                                            \
    X(PyObject, every)           /* '*', which disables every timer */                            \
    X(PyObject, one)             /* '1', the count of most counters */                            \
    X(PyObject, plan_name)       /* '_plan', '_make_timer': methods of HekaClient */              \
    X(PyObject, make_timer_name)                                                                  \
    /* one type a file */                                                                         \
    X(PyTypeObject, field_type) X(PyTypeObject, message_type) X(PyTypeObject, signer_type)        \
    X(PyTypeObject, frame_type) X(PyTypeObject, reader_type) X(PyTypeObject, sink_type)           \
    X(PyTypeObject, ring_type) X(PyTypeObject, settings_type) X(PyTypeObject, bound_type)         \
    X(PyTypeObject, emitter_type) X(PyTypeObject, no_timer_type) X(PyTypeObject, client_type)     \
    X(PyTypeObject, block_type) X(PyTypeObject, block_reader_type)                                \
    X(PyTypeObject, matcher_type) X(PyTypeObject, clause_type) X(PyTypeObject, stats_type)          \
    X(PyTypeObject, regex_type)
/* clang-format on */
#define HEKA_STATE_MEMBER(type, name) type *name;

typedef struct {
    HEKA_STATE_OBJECTS(HEKA_STATE_MEMBER)

    /* args.c */
    PyObject *names[HEKA_NAME_COUNT]; /* interned */

    /* text.c */
    PyObject *text_cache[HEKA_TEXT_CACHE]; /* str or NULL */

    /* head.c */
    int32_t pid;                     /* of this process, as long as `generation` is its own */
    unsigned generation;             /* fork generation that pid and hostname belong to */
    uint8_t origin[HEKA_ORIGIN_MAX]; /* env_version, pid and hostname, encoded */
    size_t origin_len;
    bool process_known; /* false until they are read for the first time */
} heka_state;

static inline heka_state *
heka_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

/* Only for types that are not subclassed: PyType_GetModuleState() does not look at base types. */
static inline heka_state *
heka_state_of_type(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

static inline heka_state *
heka_state_of(PyObject *op)
{
    return heka_state_of_type(Py_TYPE(op));
}

/* Creates a heap type of `module`; NULL with an exception. */
static inline PyTypeObject *
heka_new_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, (PyObject *)base);
}

/* Initialise one file's part of the module: types, exceptions, caches. 0, or -1 with an exception.
 */
int heka_errors_init(PyObject *module, heka_state *state);
int heka_args_init(heka_state *state);
int heka_severity_init(PyObject *module);
int heka_text_init(heka_state *state);
int heka_head_init(heka_state *state);
int heka_coerce_init(heka_state *state);
int heka_field_init(PyObject *module, heka_state *state);
int heka_message_init(PyObject *module, heka_state *state);
int heka_signer_init(PyObject *module, heka_state *state);
int heka_reader_init(PyObject *module, heka_state *state);
int heka_sink_init(PyObject *module, heka_state *state);
int heka_ring_init(PyObject *module, heka_state *state);
int heka_settings_type_init(PyObject *module, heka_state *state);
int heka_bound_init(PyObject *module, heka_state *state);
int heka_emitter_init(PyObject *module, heka_state *state);
int heka_no_timer_init(PyObject *module, heka_state *state);
int heka_client_init(PyObject *module, heka_state *state);
int heka_block_init(PyObject *module, heka_state *state);
int heka_block_reader_init(PyObject *module, heka_state *state);
int heka_clause_init(PyObject *module, heka_state *state);
int heka_matcher_init(PyObject *module, heka_state *state);
int heka_regex_init(PyObject *module, heka_state *state);
int heka_stats_init(PyObject *module, heka_state *state);

#endif
