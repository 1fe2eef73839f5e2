/* nearest.c -- the known name that a mistaken one resembles, for the texts of errors. */
#include "nearest.h"

#include "pycompat.h"
#include "read.h"

void
heka_letters_read(PyObject *name, heka_letters *out)
{
    out->len = 0;
    if (!PyUnicode_Check(name)) {
        return;
    }
    if (heka_unicode_ready(name) < 0) {
        PyErr_Clear(); /* without memory for it, the name resembles none */
        return;
    }
    const Py_ssize_t len = PyUnicode_GET_LENGTH(name);
    if (len > (Py_ssize_t)HK_TYPO_NAME_MAX) {
        return;
    }
    for (Py_ssize_t i = 0; i < len; i++) {
        const Py_UCS4 c = PyUnicode_READ_CHAR(name, i);
        out->bytes[i] = c < 128 ? (uint8_t)c : UINT8_C(128);
    }
    out->len = (size_t)len;
}

const char heka_nearest_doc[] = PyDoc_STR(
    "nearest(name, known, most=64, /)\n--\n\n"
    "Return the name of *known*, a list or tuple, that *name* is most likely a typing error of.\n\n"
    "None if it resembles none of them, see hk_typo.h, or if more than *most* letters differ.\n"
    "Of equally near names, the first.");

PyObject *
heka_nearest(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    if (nargs < 2 || nargs > 3) {
        PyErr_Format(PyExc_TypeError,
                     "nearest() takes from 2 to 3 positional arguments but %zd %s given", nargs,
                     nargs == 1 ? "was" : "were");
        return NULL;
    }
    int32_t most = HK_TYPO_NONE - 1;
    if (nargs == 3 && heka_read_int32(args[2], "most", &most) < 0) {
        return NULL;
    }
    heka_letters given;
    heka_letters known;
    PyObject *best = Py_None;
    unsigned least = HK_TYPO_NONE;
    PyObject *names = PySequence_Fast(args[1], "known must be a list or a tuple");
    if (names == NULL) {
        return NULL;
    }
    heka_letters_read(args[0], &given);
    /* No user code runs in the loop, so the list keeps its items. */
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(names) && given.len > 0; i++) {
        PyObject *name = PySequence_Fast_GET_ITEM(names, i);
        heka_letters_read(name, &known);
        const unsigned edits =
            hk_typo_edits((hk_slice){given.bytes, given.len}, (hk_slice){known.bytes, known.len});
        if (edits < least && (int32_t)edits <= most) {
            least = edits;
            best = name;
        }
    }
    best = Py_NewRef(best);
    Py_DECREF(names);
    return best;
}
