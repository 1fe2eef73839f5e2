/* csv.c -- csv_lines: all messages of a block as records of CSV, written without the GIL. */
#include "csv.h"

#include "core/format/hk_csv.h"
#include "python/base/errors.h"
#include "block.h"

/* Bytes that are allocated for the attributes of a message. */
#define RECORD_ROOM 128u

/* Fills columns[] from the names in the tuple; they borrow from the bytes objects that *kept, a new
 * list, holds. 0, or -1 with an exception. */
static int
read_columns(PyObject *names, hk_csv_column columns[HK_CSV_COLUMNS], PyObject **kept)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(names);
    *kept = PyList_New(count);
    for (Py_ssize_t i = 0; *kept != NULL && i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_Check(name)) {
            (void)heka_type_error("columns", "a tuple of str", name);
            return -1;
        }
        PyObject *bytes = PyUnicode_AsEncodedString(name, "utf-8", "surrogateescape");
        if (bytes == NULL) {
            return -1;
        }
        PyList_SET_ITEM(*kept, i, bytes);
        columns[i] = hk_csv_column_of(
            (hk_slice){(const uint8_t *)PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)});
    }
    return *kept == NULL ? -1 : 0;
}

static hk_status
write_records(const hk_block *block, const hk_csv_column *columns, size_t count, hk_buffer *out,
              hk_error *err)
{
    const hk_slice signer = hk_block_signer(block);
    hk_status status = hk_buffer_room(out, block->count * RECORD_ROOM + block->frames.len);
    if (status != HK_OK) {
        return hk_fail(err, status, 0, "no memory for the CSV records of a block");
    }
    for (size_t i = 0; i < block->count && status == HK_OK; i++) {
        status = hk_csv_line(hk_block_message(block, i), signer, columns, count, out, err);
    }
    return status;
}

PyObject *
heka_csv_lines(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    hk_csv_column columns[HK_CSV_COLUMNS];
    hk_buffer out;
    hk_error err;
    hk_status status;
    PyObject *kept = NULL;
    PyObject *bytes = NULL;

    if (nargs != 2) {
        PyErr_Format(PyExc_TypeError, "csv_lines() takes 2 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    const hk_block *block = heka_block_borrow(state, args[0], "block");
    if (block == NULL) {
        return NULL;
    }
    if (!PyTuple_Check(args[1])) {
        (void)heka_type_error("columns", "a tuple of str", args[1]);
        return NULL;
    }
    const Py_ssize_t count = PyTuple_GET_SIZE(args[1]);
    if (count < 1 || count > (Py_ssize_t)HK_CSV_COLUMNS) {
        PyErr_Format(PyExc_ValueError, "columns must be 1 to %u names, got %zd", HK_CSV_COLUMNS,
                     count);
        return NULL;
    }
    hk_buffer_init(&out, NULL, 0, (size_t)PY_SSIZE_T_MAX);
    if (read_columns(args[1], columns, &kept) < 0) {
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    status = write_records(block, columns, (size_t)count, &out, &err);
    Py_END_ALLOW_THREADS
    if (status != HK_OK) {
        heka_raise(state, &err);
        goto done;
    }
    bytes = PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.len);

done:
    hk_buffer_clear(&out);
    Py_XDECREF(kept);
    return bytes;
}

const char heka_csv_lines_doc[] = PyDoc_STR(
    "csv_lines(block, columns, /)\n--\n\n"
    "Return a record of CSV (RFC 4180, UTF-8) for each message of *block*, as bytes.\n\n"
    "*columns*: a tuple with the names of attributes and fields; hk_csv.h says which. Other\n"
    "threads run meanwhile.");
