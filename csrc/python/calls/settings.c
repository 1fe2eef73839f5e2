/* settings.c -- the type Settings: the defaults of log calls. */
#include "settings.h"

#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "python/messages/signer.h"

static const char *const oversize_names[] = {"truncate", "drop", "raise"};
static const char *const bad_values_names[] = {"raise", "repr", "convert"};

/* Index of the value in names[0..3); -1 with TypeError or ValueError. */
static int
read_choice(PyObject *value, const char *name, const char *const *names)
{
    if (!PyUnicode_Check(value)) {
        return heka_type_error(name, "str", value);
    }
    for (int i = 0; i < 3; i++) {
        if (PyUnicode_CompareWithASCIIString(value, names[i]) == 0) {
            return i;
        }
    }
    return heka_value_error(value, "%s must be '%s', '%s' or '%s'", name, names[0], names[1],
                            names[2]);
}

int
heka_read_oversize(PyObject *value)
{
    return read_choice(value, "oversize", oversize_names);
}

int
heka_read_bad_values(PyObject *value)
{
    return read_choice(value, "bad_values", bad_values_names);
}

static PyObject *
get_logger(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaSettings *)op)->logger);
}

static int
set_logger(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return heka_refuse_delete("logger");
    }
    if (heka_text_check(((HekaSettings *)op)->state, "logger", value) < 0) {
        return -1;
    }
    /* Exactly a str: a subclass could run its own code in each log call. */
    PyObject *logger = heka_text_exact(value);
    if (logger == NULL) {
        return -1;
    }
    Py_SETREF(((HekaSettings *)op)->logger, logger);
    return 0;
}

static PyObject *
get_signer(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaSettings *)op)->signer);
}

static int
set_signer(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const hk_identity *ignored;
    if (value == NULL) {
        return heka_refuse_delete("signer");
    }
    if (heka_signer_borrow(((HekaSettings *)op)->state, value, "signer", &ignored) < 0) {
        return -1;
    }
    Py_SETREF(((HekaSettings *)op)->signer, Py_NewRef(value));
    return 0;
}

static PyObject *
get_oversize(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(oversize_names[((HekaSettings *)op)->oversize]);
}

static int
set_oversize(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int choice = value == NULL ? heka_refuse_delete("oversize") : heka_read_oversize(value);
    if (choice < 0) {
        return -1;
    }
    ((HekaSettings *)op)->oversize = (heka_oversize)choice;
    return 0;
}

static PyObject *
get_bad_values(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(bad_values_names[((HekaSettings *)op)->bad_values]);
}

static int
set_bad_values(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int choice =
        value == NULL ? heka_refuse_delete("bad_values") : heka_read_bad_values(value);
    if (choice < 0) {
        return -1;
    }
    ((HekaSettings *)op)->bad_values = (heka_bad_values)choice;
    return 0;
}

static PyObject *
get_altered(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(((HekaSettings *)op)->altered);
}

static PyObject *
get_timeout(PyObject *op, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(((HekaSettings *)op)->timeout);
}

static int
set_timeout(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL ? heka_refuse_delete("timeout")
                         : heka_read_timeout(value, &((HekaSettings *)op)->timeout);
}

static PyObject *
get_default(PyObject *op, void *closure)
{
    (void)closure;
    PyObject *hook = ((HekaSettings *)op)->hook;
    return Py_NewRef(hook == NULL ? Py_None : hook);
}

static int
set_default(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    PyObject *callable = NULL;
    if (heka_read_callable(value, "default", &callable) < 0) {
        return -1;
    }
    Py_XSETREF(((HekaSettings *)op)->hook, Py_XNewRef(callable));
    return 0;
}

static PyObject *
get_filtered(PyObject *op, void *closure)
{
    uint64_t filtered;
    (void)closure;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    filtered = ((HekaSettings *)op)->filtered;
    HEKA_END_CRITICAL_SECTION();
    return PyLong_FromUnsignedLongLong(filtered);
}

static PyGetSetDef settings_getset[] = {
    {"logger", get_logger, set_logger, "The logger of calls that omit it.", NULL},
    {"signer", get_signer, set_signer, "Signs every message; a SignerConfig or None.", NULL},
    {"oversize", get_oversize, set_oversize, "'truncate', 'drop' or 'raise'.", NULL},
    {"bad_values", get_bad_values, set_bad_values, "'convert', 'repr' or 'raise'.", NULL},
    {"altered", get_altered, NULL, "Values that were not sent as given, as bad_values says.", NULL},
    {"default", get_default, set_default,
     "Called with a value of an unsupported type, returns one of a supported type; or None.", NULL},
    {"timeout", get_timeout, set_timeout, "Seconds that a call may take on the network.", NULL},
    {"_filtered", get_filtered, NULL,
     "Messages that a level, a filter or a rate held back; stats() has the number.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- messages that are held back ---- */

int
heka_count_filtered(HekaSettings *self)
{
    HEKA_BEGIN_CRITICAL_SECTION(self);
    self->filtered++;
    HEKA_END_CRITICAL_SECTION();
    return 0;
}

static PyObject *
settings_count_filtered(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return PyBool_FromLong(heka_count_filtered((HekaSettings *)op));
}

static PyObject *
settings_reset_filtered(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    ((HekaSettings *)op)->filtered = 0;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyMethodDef settings_methods[] = {
    {"_count_filtered", settings_count_filtered, METH_NOARGS,
     "_count_filtered($self)\n--\n\nCount one message that is held back; return False."},
    {"_reset_filtered", settings_reset_filtered, METH_NOARGS,
     "_reset_filtered($self)\n--\n\nCount the messages that are held back from zero."},
    {NULL, NULL, 0, NULL},
};

/* ---- the type ---- */

void
heka_settings_init(HekaSettings *self, heka_state *state)
{
    self->state = state;
    self->logger = Py_NewRef(state->empty);
    self->signer = Py_NewRef(Py_None);
    self->timeout = 1.0;
    self->oversize = HEKA_OVERSIZE_TRUNCATE;
    self->bad_values = HEKA_BAD_CONVERT;
}

int
heka_settings_traverse(HekaSettings *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->hook); /* the others are str and SignerConfig */
    return 0;
}

void
heka_settings_free(HekaSettings *self)
{
    Py_CLEAR(self->logger);
    Py_CLEAR(self->signer);
    Py_CLEAR(self->hook);
}

static PyType_Slot settings_slots[] = {
    {Py_tp_doc, (void *)"The defaults of log calls."},
    {Py_tp_getset, settings_getset},
    {Py_tp_methods, settings_methods},
    {0, NULL},
};

static PyType_Spec settings_spec = {
    .name = "heka._core.Settings",
    .basicsize = sizeof(HekaSettings),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = settings_slots,
};

int
heka_settings_type_init(PyObject *module, heka_state *state)
{
    state->settings_type = heka_new_type(module, &settings_spec, NULL);
    return state->settings_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Settings", (PyObject *)state->settings_type);
}
