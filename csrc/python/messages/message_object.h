/* message_object.h -- the struct of a Message, shared by message*.c only. */
#ifndef HEKA_MESSAGE_OBJECT_H
#define HEKA_MESSAGE_OBJECT_H

#include "core/wire/hk_decode.h"
#include "python/base/state.h"

/* The fields are wire bytes until .fields is read for the first time. From then on the dict is
 * authoritative, and the bytes are what it was made from. Without the dict no reference cycle can
 * include a message, so the object is tracked by the garbage collector only while it has one: a
 * retained message costs 55 to 63 ns, flat, and nothing at a collection. */
typedef struct {
    PyObject_HEAD
    PyObject *type; /* owned exact str, like the next four */
    PyObject *logger;
    PyObject *payload;
    PyObject *env_version;
    PyObject *hostname;
    PyObject *fields;  /* owned dict; NULL until .fields is read */
    uint8_t *wire;     /* owned (PyMem): canonical fields; NULL when there are none */
    size_t wire_len;   /* bytes */
    int64_t timestamp; /* ns since the epoch */
    int32_t severity;
    int32_t pid;
    uint8_t uuid[HK_UUID_SIZE];
    uint32_t changes; /* how often the wire was replaced: get_fields detects re-entrant changes */
    bool irregular;   /* the wire has two fields of one name, or a field without values */
} HekaMessage;

/* The wire fields, borrowed: valid until user code runs or the fields are set. */
static inline hk_slice
heka_message_wire(const HekaMessage *self)
{
    return (hk_slice){self->wire, self->wire_len};
}

/* message_fields.c: each 0, or -1 with an exception. */

/* Replaces the wire by a copy of canonical fields. */
int heka_message_set_wire(HekaMessage *self, const uint8_t *data, size_t len);

/* Encodes a mapping and replaces the wire by the result. May run user code. */
int heka_message_set_fields(HekaMessage *self, heka_state *state, PyObject *fields);

/* Appends the fields to be sent: those of the dict, or of the wire when there is no dict or it is
 * unchanged. May run user code if there is a dict. */
int heka_message_append_fields(HekaMessage *self, heka_state *state, hk_buffer *out);

/* A new dict from the wire fields; *repeated: whether a name occurs twice. */
PyObject *heka_message_dict(HekaMessage *self, bool *repeated);

/* 1 when two series of canonical fields are equal in any order, else 0; -1 with MemoryError. */
int heka_same_fields(hk_slice a, hk_slice b);

/* message_attributes.c */

#define HEKA_MESSAGE_TEXTS 5 /* type, logger, payload, env_version, hostname, in this order */

/* The text attribute with that index, borrowed from self. */
PyObject *heka_message_text(HekaMessage *self, size_t number);

extern PyGetSetDef heka_message_getset[];

#endif
