/* no_timer.c -- a disabled timer, which does nothing; in C, because that must be cheap. */
#include "python/base/args.h"
#include "python/base/state.h"

static PyObject *
no_timer_enter(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return Py_NewRef(op);
}

static PyObject *
no_timer_exit(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    (void)op;
    (void)args;
    if (nargs != 3) {
        PyErr_Format(PyExc_TypeError, "__exit__() takes 3 positional arguments but %zd were given",
                     nargs);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* As a decorator, it returns the function itself. */
static PyObject *
no_timer_call(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_function};
    static const heka_signature sig = {
        .fname = "NoTimer", .names = names, .count = 1, .required = 1, .positional = 1};
    PyObject *in[1];
    if (heka_parse_tuple(heka_state_of(op), &sig, args, kwargs, in) < 0) {
        return NULL;
    }
    return Py_NewRef(in[0]);
}

static PyObject *
no_timer_get_result(PyObject *op, void *closure)
{
    (void)op;
    (void)closure;
    Py_RETURN_NONE;
}

static void
no_timer_dealloc(PyObject *op)
{
    PyTypeObject *tp = Py_TYPE(op);
    tp->tp_free(op);
    Py_DECREF(tp);
}

static PyGetSetDef no_timer_getset[] = {
    {"result", no_timer_get_result, NULL, "None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef no_timer_methods[] = {
    {"__enter__", no_timer_enter, METH_NOARGS, "Return itself."},
    {"__exit__", (PyCFunction)(void (*)(void))no_timer_exit, METH_FASTCALL, "Do nothing."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot no_timer_slots[] = {
    {Py_tp_doc, (void *)"A disabled timer: it does nothing, and returns a decorated function "
                        "unchanged."},
    {Py_tp_dealloc, no_timer_dealloc},
    {Py_tp_call, no_timer_call},
    {Py_tp_getset, no_timer_getset},
    {Py_tp_methods, no_timer_methods},
    {0, NULL},
};

static PyType_Spec no_timer_spec = {
    .name = "heka._core.NoTimer",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = no_timer_slots,
};

int
heka_no_timer_init(PyObject *module, heka_state *state)
{
    state->no_timer_type = heka_new_type(module, &no_timer_spec, NULL);
    return state->no_timer_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "NoTimer", (PyObject *)state->no_timer_type);
}
