/* sources.c -- set_sources: replaces the clock and the uuid generator of new messages, for tests.
 */
#include "sources.h"

#include "python/base/args.h"
#include "python/base/read.h"

PyObject *
heka_set_sources(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_clock, HEKA_NAME_uuid};
    static const heka_signature sig = {
        .fname = "set_sources", .names = names, .count = 2, .required = 0, .positional = 2};
    heka_state *state = heka_state_of_module(module);
    PyObject *in[2];
    PyObject *clock = NULL;
    PyObject *uuid = NULL;
    if (heka_parse_args(state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_read_callable(in[0], "clock", &clock) < 0 ||
        heka_read_callable(in[1], "uuid", &uuid) < 0) {
        return NULL;
    }
    /* Both slots hold their new value before the old one is released, whose finalizer may call
     * set_sources again. */
    Py_XSETREF(state->clock_source, Py_XNewRef(clock));
    Py_XSETREF(state->uuid_source, Py_XNewRef(uuid));
    Py_RETURN_NONE;
}

const char heka_set_sources_doc[] = PyDoc_STR(
    "set_sources(clock=None, uuid=None)\n--\n\n"
    "Replace the clock and the uuid generator of new messages, for tests.\n\n"
    "Args:\n"
    "    clock: Callable that returns the time in ns; None: the system's clock.\n"
    "    uuid: Callable that returns 16 bytes or a uuid.UUID; None: the generator.");
