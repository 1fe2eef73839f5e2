/* _baresend.c -- one send of ready bytes: the lower bound of a log call's cost.
 *
 * baresend.send(fd, data) -> bytes sent. One non-blocking send with the GIL kept, as heka sends;
 * no message is built, checked or counted. bench_send.py compiles it and compares with it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sys/socket.h>

static PyObject *
bare_send(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    if (nargs != 2 || !PyBytes_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "send(fd, bytes)");
        return NULL;
    }
    const long fd = PyLong_AsLong(args[0]);
    if (fd == -1 && PyErr_Occurred()) {
        return NULL;
    }
    const ssize_t sent = send((int)fd, PyBytes_AS_STRING(args[1]),
                              (size_t)PyBytes_GET_SIZE(args[1]), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromSsize_t(sent);
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))bare_send, METH_FASTCALL, "Send bytes, once."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "baresend", .m_methods = methods};

PyMODINIT_FUNC
PyInit_baresend(void)
{
    return PyModule_Create(&definition);
}
