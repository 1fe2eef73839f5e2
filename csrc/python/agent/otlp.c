/* otlp.c -- otlp_logs: all messages of a block as the body of an OTLP request, written without the
 * GIL. */
#include "otlp.h"

#include "core/format/hk_otlp.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/match/block.h"

/* Bytes of the first allocation: for a message of `len` bytes, its uuid as text and the keys. */
#define RECORD_ROOM 256u

PyObject *
heka_otlp_logs(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    hk_otlp_options options;
    hk_buffer out;
    hk_error err;
    Py_buffer resource;
    if (nargs != 3) {
        PyErr_Format(PyExc_TypeError, "otlp_logs() takes 3 positional arguments but %zd were given",
                     nargs);
        return NULL;
    }
    if (heka_read_int64(args[2], "now", &options.now) < 0) { /* runs user code: before the rest */
        return NULL;
    }
    const hk_block *block = heka_block_borrow(state, args[0], "block");
    if (block == NULL || PyObject_GetBuffer(args[1], &resource, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    options.resource = (hk_slice){resource.buf, (size_t)resource.len};
    hk_buffer_init(&out, NULL, 0, (size_t)PY_SSIZE_T_MAX);

    PyThreadState *unlocked = PyEval_SaveThread();
    hk_status status = hk_buffer_room(&out, block->frames.len + block->count * RECORD_ROOM);
    if (status == HK_OK) {
        status = hk_otlp_logs(block, &options, &out, &err);
    } else {
        status = hk_fail(&err, status, 0, "no memory for an OTLP request");
    }
    PyEval_RestoreThread(unlocked);

    PyObject *body = NULL;
    if (status != HK_OK) {
        heka_raise(state, &err);
    } else {
        body = PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.len);
    }
    hk_buffer_clear(&out);
    PyBuffer_Release(&resource);
    return body;
}

const char heka_otlp_logs_doc[] = PyDoc_STR(
    "otlp_logs(block, resource, now, /)\n--\n\n"
    "Return an ExportLogsServiceRequest of OpenTelemetry with all messages of *block*.\n\n"
    "resource: encoded attributes of each resource, in front of host.name and process.pid. now:\n"
    "nanoseconds since 1970, when the messages were observed. Other threads run meanwhile.");
