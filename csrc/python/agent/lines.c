/* lines.c -- line_frames: lines of a log file as frames, written without the GIL. */
#include "lines.h"

#include "core/agent/hk_lines.h"
#include "python/base/errors.h"
#include "python/base/read.h"

/* Bytes that are allocated beside the data: attributes of some hundred lines. */
#define FIRST_ROOM (64u * 1024u)

/* Reads the tuple (incarnation, offset, passing_over). */
static int
read_place(PyObject *value, hk_lines_place *place)
{
    unsigned long long incarnation;
    unsigned long long offset;
    int passing_over;
    if (!PyTuple_Check(value) ||
        !PyArg_ParseTuple(value, "KKp;place: expected (incarnation, offset, passing_over)",
                          &incarnation, &offset, &passing_over)) {
        return PyErr_Occurred() ? -1 : heka_type_error("place", "tuple", value);
    }
    if (incarnation >> HK_INCARNATION_BITS != 0 || offset > HK_LINE_OFFSET_MAX) {
        PyErr_SetString(PyExc_ValueError,
                        "place: expected an incarnation below 1 << 60 and an offset below 1 << 62");
        return -1;
    }
    *place = (hk_lines_place){incarnation, offset, passing_over != 0};
    return 0;
}

/* Reads the tuples (head, tail, mark) and (longest, most, delimiter); the slices borrow. */
static int
read_options(PyObject *parts, PyObject *limits, hk_lines_options *options)
{
    const char *bytes[3];
    Py_ssize_t sizes[3];
    Py_ssize_t longest;
    Py_ssize_t most;
    if (!PyTuple_Check(parts) || !PyTuple_Check(limits)) {
        return heka_type_error("parts and limits", "tuples", PyTuple_Check(parts) ? limits : parts);
    }
    if (!PyArg_ParseTuple(parts, "y#y#y#;parts: expected (head, tail, mark)", &bytes[0], &sizes[0],
                          &bytes[1], &sizes[1], &bytes[2], &sizes[2]) ||
        !PyArg_ParseTuple(limits, "nnb;limits: expected (longest, most, delimiter)", &longest,
                          &most, &options->delimiter)) {
        return -1;
    }
    const Py_ssize_t beside = sizes[0] + sizes[1] + sizes[2];
    if (longest < 4 || most < 1 || longest > (Py_ssize_t)HK_MESSAGE_MAX ||
        beside > (Py_ssize_t)HK_MESSAGE_MAX || longest + beside + 64 > (Py_ssize_t)HK_MESSAGE_MAX) {
        PyErr_SetString(PyExc_ValueError,
                        "limits: expected a longest line of 4 bytes or more, which fits into a "
                        "message, and at least 1 byte of frames");
        return -1;
    }
    hk_slice *const slices[] = {&options->head, &options->tail, &options->mark};
    for (size_t i = 0; i < 3; i++) {
        *slices[i] = (hk_slice){(const uint8_t *)bytes[i], (size_t)sizes[i]};
    }
    options->longest = (size_t)longest;
    options->most = (size_t)most;
    return 0;
}

PyObject *
heka_line_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    hk_lines_options options = {0};
    hk_lines_place place = {0};
    hk_lines_count count = {0};
    hk_buffer out;
    Py_buffer view;
    if (nargs != 5) {
        PyErr_Format(PyExc_TypeError,
                     "line_frames() takes 5 positional arguments but %zd were given", nargs);
        return NULL;
    }
    if (heka_read_int64(args[4], "now", &options.now) < 0 || read_place(args[1], &place) < 0 ||
        read_options(args[2], args[3], &options) < 0 ||
        PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const hk_slice data = {view.buf, (size_t)view.len};
    const uint64_t start = place.offset;
    hk_buffer_init(&out, NULL, 0, options.most + HK_FRAME_MAX);

    PyThreadState *unlocked = PyEval_SaveThread();
    const size_t likely = 2 * data.len + FIRST_ROOM;
    hk_status status = hk_buffer_room(&out, likely < out.limit ? likely : out.limit);
    if (status == HK_OK) {
        status = hk_lines_read(data, &options, &place, &out, &count);
    }
    PyEval_RestoreThread(unlocked);

    PyBuffer_Release(&view);
    PyObject *result = NULL;
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
    } else {
        result = Py_BuildValue("(y#KN(KKKK))", (const char *)out.data, (Py_ssize_t)out.len,
                               (unsigned long long)(place.offset - start),
                               PyBool_FromLong(place.passing_over), (unsigned long long)count.lines,
                               (unsigned long long)count.cut, (unsigned long long)count.wrong,
                               (unsigned long long)count.passed);
    }
    hk_buffer_clear(&out);
    return result;
}

const char heka_line_frames_doc[] = PyDoc_STR(
    "line_frames(data, place, parts, limits, now, /)\n--\n\n"
    "Return (frames, used, passing_over, (lines, cut, wrong, passed)) for the lines of *data*.\n\n"
    "place: (incarnation, offset, passing_over) of the first byte; a line's uuid comes from the\n"
    "first two. parts: encoded entries (before the payload, behind it, behind it when the line "
    "was\n"
    "cut). limits: bytes of the longest line, bytes of frames at which reading ends, the byte "
    "that\n"
    "ends a line. now: nanoseconds since 1970. Of *data*, *used* bytes are done. lines: messages;\n"
    "cut: of too long lines; wrong: with bytes that are no UTF-8; passed: bytes in no message.");
