/* message_object.h -- the inside of a Message: what message.c and its parts share. */
#ifndef HEKA_MESSAGE_OBJECT_H
#define HEKA_MESSAGE_OBJECT_H

#include "core/wire/hk_decode.h"
#include "python/base/state.h"

/* The fields stay wire bytes until somebody looks at them; the dict is then the truth, and the
 * bytes say what it was read from. Without the dict no cycle can pass through a message, so the
 * collector learns of it only then: a retained message costs nothing at each collection. */
typedef struct {
    PyObject_HEAD
    PyObject *type; /* owned str, as the next four */
    PyObject *logger;
    PyObject *payload;
    PyObject *env_version;
    PyObject *hostname;
    PyObject *fields;  /* owned dict; NULL until first read */
    uint8_t *wire;     /* owned: canonical fields; NULL when there are none */
    size_t wire_len;   /* bytes */
    int64_t timestamp; /* ns since the epoch */
    int32_t severity;
    int32_t pid;
    uint8_t uuid[HK_UUID_SIZE];
    uint32_t changes; /* how often the wire was replaced */
    bool irregular;   /* on the wire a name came twice, or a field had no values */
} HekaMessage;

static inline hk_slice
heka_message_wire(const HekaMessage *self)
{
    return (hk_slice){self->wire, self->wire_len};
}

/* message_fields.c: each 0, or -1 with an exception. */

/* Keeps a copy of canonical fields. */
int heka_message_keep(HekaMessage *self, const uint8_t *data, size_t len);

/* Checks a mapping and keeps its fields. */
int heka_message_take(HekaMessage *self, heka_state *state, PyObject *fields);

/* Appends the fields as they are to be sent, whoever holds the truth: the dict or the bytes. */
int heka_message_append(HekaMessage *self, heka_state *state, hk_buffer *out);

/* A new dict of the wire's fields; *repeated: a name came twice. */
PyObject *heka_message_dict(HekaMessage *self, bool *repeated);

/* Whether two runs of canonical fields hold the same ones, in any order. -1 with MemoryError. */
int heka_same_fields(hk_slice a, hk_slice b);

/* message_attributes.c */

#define HEKA_MESSAGE_TEXTS 5 /* type, logger, payload, env_version, hostname, in this order */

/* The text of that number, borrowed. */
PyObject *heka_message_text(HekaMessage *self, size_t number);

extern PyGetSetDef heka_message_getset[];

#endif
