/* writer_turn.c -- which thread may write to a stream: recursion, threads, forks. */
#include "writer_turn.h"

#define LOCK_SLICE_US 50000 /* of waiting for the lock, between two checks for signals */
#define LOCK_PAUSE 0.005    /* seconds of a sleep that lets other greenlets of this thread run */

/* ---- forks ---- */

int
heka_turn_make_lock(heka_turns *t)
{
    if (t->lock == NULL || !heka_turn_is_ours(t)) {
        /* The old lock is leaked: a thread of the parent may hold it, and freeing a held lock is
         * undefined. */
        PyThread_type_lock lock = PyThread_allocate_lock();
        if (lock == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        t->lock = lock;
    }
    return 0;
}

/* Resets the state in a child process, where the threads of the parent do not exist. */
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
        PyThread_free_lock(t->lock); /* not held: every call holds a reference to its sink */
    }
}

/* ---- who is writing ---- */

/* Greenlets share a thread identifier. So under gevent and eventlet, a second call of the same
 * thread may be another greenlet, and only this many nested calls count as recursion. The module
 * `greenlet` itself is no sign of greenlets in use: structlog imports it. */
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
    /* Not found after a fork: renew() has removed the entries of the parent. */
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

/* Waits for the thread that holds the lock. 0, or -1 with the exception of a signal handler. */
static int
wait_for_lock(heka_turns *t, unsigned long thread, double left)
{
    if (t->holder == thread) { /* another greenlet of this thread: blocking here would deadlock */
        PyObject *module = PyImport_ImportModule("time");
        PyObject *answer =
            module == NULL ? NULL : PyObject_CallMethod(module, "sleep", "d", LOCK_PAUSE);
        Py_XDECREF(module);
        Py_XDECREF(answer);
        return answer == NULL ? -1 : 0;
    }
    /* The lock is released at once, and try_lock() takes it again with the GIL held. A thread that
     * held it without the GIL could be interrupted by a fork before it has set holder. */
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
        const double left = end - heka_now();
        if (!(left > 0)) {
            return 0;
        }
        if (wait_for_lock(t, thread, left) < 0) {
            return -1;
        }
        if (!heka_turn_is_ours(t)) {
            return 0; /* a signal handler has forked: the lock is the parent's */
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
