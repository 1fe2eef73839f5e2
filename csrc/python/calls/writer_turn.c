/* writer_turn.c -- who writes to a stream now: loops, threads, forks. */
#include "writer_turn.h"

#include "core/base/hk_monitor.h"

#define LOCK_SLICE_US 50000 /* of waiting for the lock, between two looks at signals */
#define LOCK_PAUSE 0.005    /* seconds of the same among greenlets, which share a thread */

double
heka_turn_now(void)
{
    return (double)hk_deadline(0) * 1e-9;
}

/* ---- forks ---- */

int
heka_turn_make_lock(heka_turns *t)
{
    if (t->lock == NULL || !heka_turn_is_ours(t)) {
        /* The old one is lost: a thread of the parent may hold it, and then it cannot be freed. */
        PyThread_type_lock lock = PyThread_allocate_lock();
        if (lock == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        t->lock = lock;
    }
    return 0;
}

/* In a child process: the entries are threads of the parent's, one of which may hold the lock. */
static HK_COLD int
renew(heka_turns *t)
{
    if (t->lock != NULL && heka_turn_make_lock(t) < 0) {
        return -1;
    }
    t->generation = hk_fork_generation();
    t->count = 0;
    return 0;
}

void
heka_turn_free(heka_turns *t)
{
    PyMem_Free(t->threads);
    if (t->lock != NULL && heka_turn_is_ours(t)) {
        PyThread_free_lock(t->lock); /* nobody holds it: every call keeps its sink alive */
    }
}

/* ---- who is writing ---- */

/* Greenlets share a thread, so one that waits in write() does not make another one reentrant; then
 * only this many calls deep is a loop. That `greenlet` is imported says nothing: structlog does. */
#define DEPTH_MAX 8

static bool
has_greenlets(void)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    return modules != NULL && PyDict_Check(modules) &&
           (PyDict_GetItemString(modules, "gevent.hub") != NULL ||
            PyDict_GetItemString(modules, "eventlet.hubs") != NULL);
}

int
heka_turn_enter(heka_turns *t, unsigned long thread)
{
    size_t depth = 0;
    if (HK_UNLIKELY(!heka_turn_is_ours(t)) && renew(t) < 0) {
        return -1;
    }
    for (size_t i = 0; i < t->count; i++) {
        depth += t->threads[i] == thread;
    }
    if (HK_UNLIKELY(depth > 0 && (depth >= DEPTH_MAX || !has_greenlets()))) {
        return 0;
    }
    if (HK_UNLIKELY(t->count == t->cap)) {
        const size_t cap = t->cap == 0 ? 4 : 2 * t->cap;
        unsigned long *threads = PyMem_Realloc(t->threads, cap * sizeof *threads);
        if (threads == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        t->threads = threads;
        t->cap = cap;
    }
    t->threads[t->count++] = thread;
    return 1;
}

void
heka_turn_leave(heka_turns *t, unsigned long thread)
{
    for (size_t i = t->count; i > 0; i--) {
        if (t->threads[i - 1] == thread) {
            t->threads[i - 1] = t->threads[--t->count];
            return;
        }
    }
}

/* ---- one thread at a time ---- */

static bool
try_lock(heka_turns *t, unsigned long thread)
{
    if (PyThread_acquire_lock(t->lock, NOWAIT_LOCK) == 0) {
        return false;
    }
    t->holder = thread;
    return true;
}

/* Waits for the thread that writes now. 0, or -1 with the exception of a signal's handler. */
static int
wait_for_lock(heka_turns *t, unsigned long thread, double left)
{
    if (t->holder == thread) { /* another greenlet of this thread: only Python can switch to it */
        PyObject *module = PyImport_ImportModule("time");
        PyObject *answer =
            module == NULL ? NULL : PyObject_CallMethod(module, "sleep", "d", LOCK_PAUSE);
        Py_XDECREF(module);
        Py_XDECREF(answer);
        return answer == NULL ? -1 : 0;
    }
    /* The lock is released at once: try_lock() takes it again with the GIL held, so that holder
     * and generation are never those of a thread that has been overtaken by a fork. */
    const double slice = left * 1e6 < LOCK_SLICE_US ? left * 1e6 : LOCK_SLICE_US;
    const PyThread_type_lock lock = t->lock;
    Py_BEGIN_ALLOW_THREADS
    if (PyThread_acquire_lock_timed(lock, (PY_TIMEOUT_T)slice, 0) == PY_LOCK_ACQUIRED) {
        PyThread_release_lock(lock);
    }
    Py_END_ALLOW_THREADS
    return PyErr_CheckSignals();
}

int
heka_turn_take(heka_turns *t, unsigned long thread, double end)
{
    while (HK_UNLIKELY(!try_lock(t, thread))) {
        const double left = end - heka_turn_now();
        if (!(left > 0)) {
            return 0;
        }
        if (wait_for_lock(t, thread, left) < 0) {
            return -1;
        }
        if (!heka_turn_is_ours(t)) {
            return 0; /* a signal's handler has forked: the lock is the parent's */
        }
    }
    return 1;
}

void
heka_turn_end(heka_turns *t, unsigned generation)
{
    if (generation == hk_fork_generation()) {
        t->holder = 0;
        PyThread_release_lock(t->lock);
    }
}
