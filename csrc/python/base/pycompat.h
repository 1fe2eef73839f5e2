/* pycompat.h -- the only file that includes Python.h; hides the differences from 3.10 to 3.14.
 *
 * Public API only: each name below is either new in CPython, and made here from older public
 * functions, or has the prefix heka_. */
#ifndef HEKA_PYCOMPAT_H
#define HEKA_PYCOMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#if PY_VERSION_HEX < 0x030A0000
#error "heka needs CPython 3.10 or later"
#endif

#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#define Py_T_OBJECT_EX T_OBJECT_EX
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_READONLY READONLY
/* Before 3.12 a str made by the legacy API has no canonical form until PyUnicode_READY, which can
 * fail with MemoryError. */
static inline int
heka_unicode_ready(PyObject *str)
{
    return PyUnicode_READY(str);
}
#else
static inline int
heka_unicode_ready(PyObject *str)
{
    (void)str;
    return 0;
}
#endif

/* The current exception, owned, while other code runs that must not see it. heka_save_error clears
 * it; exactly one of heka_restore_error and heka_drop_error must be
 * called, which take the references. */
typedef struct {
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *value;
#else
    PyObject *type, *value, *traceback;
#endif
} heka_saved_error;

static inline heka_saved_error
heka_save_error(void)
{
    heka_saved_error saved;
#if PY_VERSION_HEX >= 0x030C0000
    saved.value = PyErr_GetRaisedException();
#else
    PyErr_Fetch(&saved.type, &saved.value, &saved.traceback);
#endif
    return saved;
}

static inline void
heka_restore_error(heka_saved_error saved)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(saved.value);
#else
    PyErr_Restore(saved.type, saved.value, saved.traceback);
#endif
}

/* Releases a saved exception instead of restoring it. */
static inline void
heka_drop_error(heka_saved_error *saved)
{
    Py_CLEAR(saved->value);
#if PY_VERSION_HEX < 0x030C0000
    Py_CLEAR(saved->type);
    Py_CLEAR(saved->traceback);
#endif
}

/* Attributes are mutable, so in the free-threaded build every access needs a critical section. With
 * the GIL these macros only open and close a block. */
#if PY_VERSION_HEX >= 0x030D0000
#define HEKA_BEGIN_CRITICAL_SECTION(op) Py_BEGIN_CRITICAL_SECTION(op)
#define HEKA_END_CRITICAL_SECTION() Py_END_CRITICAL_SECTION()
#else
#define HEKA_BEGIN_CRITICAL_SECTION(op) {
#define HEKA_END_CRITICAL_SECTION() }
#endif

#ifdef Py_GIL_DISABLED
#define HEKA_FREE_THREADED 1
#else
#define HEKA_FREE_THREADED 0
#endif

#endif
