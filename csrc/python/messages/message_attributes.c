/* message_attributes.c -- getters and setters of the attributes of a Message.
 *
 * A setter first checks and converts the value, which may run user code, and only then changes the
 * message; so a failure leaves it unchanged. Getters return new references. */
#include <stddef.h>

#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "head.h"
#include "message_object.h"

/* The closure of a text attribute is the offset of its member in HekaMessage. */
static PyObject **
text_slot(PyObject *op, void *closure)
{
    return (PyObject **)(void *)((char *)op + (size_t)(uintptr_t)closure);
}

static PyObject *
get_text(PyObject *op, void *closure)
{
    PyObject *value;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    value = Py_NewRef(*text_slot(op, closure));
    HEKA_END_CRITICAL_SECTION();
    return value;
}

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"type", offsetof(HekaMessage, type)},
    {"logger", offsetof(HekaMessage, logger)},
    {"payload", offsetof(HekaMessage, payload)},
    {"env_version", offsetof(HekaMessage, env_version)},
    {"hostname", offsetof(HekaMessage, hostname)},
};

static int
refuse_delete(const char *name)
{
    PyErr_Format(PyExc_AttributeError, "Message.%s cannot be deleted", name);
    return -1;
}

static int
set_text_attribute(PyObject *op, PyObject *value, void *closure)
{
    const char *name = "";
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].offset == (size_t)(uintptr_t)closure) {
            name = texts[i].name;
        }
    }
    if (value == NULL) {
        return refuse_delete(name);
    }
    if (heka_text_check(heka_state_of(op), name, value) < 0) {
        return -1;
    }
    PyObject *text = heka_text_exact(value);
    if (text == NULL) {
        return -1;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    Py_SETREF(*text_slot(op, closure), text); /* the old one is an exact str: no code runs */
    HEKA_END_CRITICAL_SECTION();
    return 0;
}

static PyObject *
get_severity(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((HekaMessage *)op)->severity);
}

static int
set_severity(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL ? refuse_delete("severity")
                         : heka_read_int32(value, "severity", &((HekaMessage *)op)->severity);
}

static PyObject *
get_pid(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((HekaMessage *)op)->pid);
}

static int
set_pid(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL ? refuse_delete("pid")
                         : heka_read_int32(value, "pid", &((HekaMessage *)op)->pid);
}

static PyObject *
get_timestamp(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLongLong(((HekaMessage *)op)->timestamp);
}

static int
set_timestamp(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value != NULL && !PyIndex_Check(value)) {
        return heka_type_error("timestamp", "nanoseconds since the epoch as int", value);
    }
    return value == NULL ? refuse_delete("timestamp")
                         : heka_read_int64(value, "timestamp", &((HekaMessage *)op)->timestamp);
}

static PyObject *
get_uuid(PyObject *op, void *closure)
{
    (void)closure;
    return PyBytes_FromStringAndSize((const char *)((HekaMessage *)op)->uuid, HK_UUID_SIZE);
}

/* None is an error here; for the constructor it means a new uuid. */
static int
set_uuid(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return refuse_delete("uuid");
    }
    if (value == Py_None) {
        return heka_type_error("uuid", "16 bytes, uuid.UUID or str", value);
    }
    return heka_read_uuid(heka_state_of(op), value, ((HekaMessage *)op)->uuid);
}

PyObject *
heka_message_text(HekaMessage *self, size_t number)
{
    return *text_slot((PyObject *)self, (void *)(uintptr_t)texts[number].offset);
}

/* Makes the dict at the first read. The loop ends: it repeats only if user code set other fields
 * while the dict was made. */
static PyObject *
get_fields(PyObject *op, void *closure)
{
    (void)closure;
    HekaMessage *self = (HekaMessage *)op;
    PyObject *fields = NULL;
    bool failed = false;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    while (self->fields == NULL && !failed) {
        bool repeated;
        const uint32_t changes = self->changes;
        PyObject *made = heka_message_dict(self, &repeated);
        failed = made == NULL;
        /* Making the dict may start a collection, whose finalizers are user code: they may have
         * read the fields, or set other ones, for which `changes` differs. */
        if (!failed && self->fields == NULL && self->changes == changes) {
            self->fields = Py_NewRef(made);
            self->irregular |= repeated;
            /* Tracked from now on: the dict can lead back to the message. It may be tracked
             * already, when tp_clear removed an earlier dict. */
            if (!PyObject_GC_IsTracked(op)) {
                PyObject_GC_Track(op);
            }
        }
        Py_XDECREF(made);
    }
    fields = failed ? NULL : Py_NewRef(self->fields);
    HEKA_END_CRITICAL_SECTION();
    return fields;
}

/* Stores the fields as wire bytes and drops the dict. None means no fields. */
static int
set_fields(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    HekaMessage *self = (HekaMessage *)op;
    PyObject *empty = NULL;
    int result;
    if (value == NULL) {
        return refuse_delete("fields");
    }
    if (value == Py_None) {
        value = empty = PyDict_New();
        if (empty == NULL) {
            return -1;
        }
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    result = heka_message_set_fields(self, heka_state_of(op), value);
    if (result == 0 && self->fields != NULL) {
        PyObject_GC_UnTrack(op); /* before the dict is released: its finalizers are user code */
        Py_CLEAR(self->fields);  /* the next read makes a dict from the new wire bytes */
    }
    HEKA_END_CRITICAL_SECTION();
    Py_XDECREF(empty);
    return result;
}

#define TEXT_ATTRIBUTE(name, doc)                                                     \
    {                                                                                 \
#name, get_text, set_text_attribute, doc, (void *)offsetof(HekaMessage, name) \
    }

PyGetSetDef heka_message_getset[] = {
    TEXT_ATTRIBUTE(type, "Kind of the message, e.g. 'counter'; receivers match on it."),
    TEXT_ATTRIBUTE(logger, "Part of the program that sends the message."),
    TEXT_ATTRIBUTE(payload, "Free text."),
    TEXT_ATTRIBUTE(env_version, "Version of the message format, '0.8'."),
    TEXT_ATTRIBUTE(hostname, "Name of the sending host."),
    {"severity", get_severity, set_severity, "RFC 5424 severity, 0 (emergency) to 7 (debug).",
     NULL},
    {"pid", get_pid, set_pid, "Process id of the sender.", NULL},
    {"timestamp", get_timestamp, set_timestamp, "Nanoseconds since the epoch, int.", NULL},
    {"uuid", get_uuid, set_uuid, "16 bytes.", NULL},
    {"fields", get_fields, set_fields,
     "dict of name to heka.Field, built when it is first read. It may be changed; encoding the\n"
     "message checks it and raises FieldError for a value that cannot be sent.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
