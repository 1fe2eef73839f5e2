/* client_capture.c -- heka.testing.capture() takes the frames of clients: who takes which. */
#include "client_object.h"

#include "python/base/errors.h"
#include "python/base/read.h"

int
heka_client_ask_capture(HekaClient *self, PyObject **capture)
{
    PyObject *find = Py_NewRef(self->base.state->client_capture); /* it may set another */
    PyObject *answer = PyObject_CallOneArg(find, (PyObject *)self);
    Py_DECREF(find);
    PyObject *callable = NULL;
    if (answer == NULL || heka_read_callable(answer, "a capture", &callable) < 0) {
        Py_XDECREF(answer);
        return -1;
    }
    *capture = Py_XNewRef(callable);
    Py_DECREF(answer);
    return 0;
}

/* 1 or 0; -1 with an exception. */
static int
is_captured(HekaClient *self)
{
    PyObject *capture;
    if (heka_client_find_capture(self, &capture) < 0) {
        return -1;
    }
    const int found = capture != NULL;
    Py_XDECREF(capture);
    return found;
}

int
heka_client_is_inactive(HekaClient *self)
{
    if (HK_LIKELY(self->sink != NULL)) {
        return 0;
    }
    const int captured = is_captured(self);
    return captured < 0 ? -1 : !captured;
}

PyObject *
heka_client_get_inactive(PyObject *op, void *closure)
{
    (void)closure;
    const int inactive = heka_client_is_inactive((HekaClient *)op);
    return inactive < 0 ? NULL : PyBool_FromLong(inactive);
}

PyObject *
heka_client_get_captured(PyObject *op, void *closure)
{
    (void)closure;
    const int captured = is_captured((HekaClient *)op);
    return captured < 0 ? NULL : PyBool_FromLong(captured);
}

PyObject *
heka_capture_clients(PyObject *module, PyObject *find)
{
    heka_state *state = heka_state_of_module(module);
    PyObject *callable;
    if (heka_read_callable(find, "find", &callable) < 0) {
        return NULL;
    }
    Py_XSETREF(state->client_capture, Py_XNewRef(callable));
    Py_RETURN_NONE;
}

const char heka_capture_clients_doc[] = PyDoc_STR(
    "capture_clients(find, /)\n--\n\n"
    "Ask *find* where the frames of a client go: ``find(client)`` returns a function that takes a\n"
    "frame instead of the client's stream, or None. None as *find*: nothing is captured.");
