/* hk_monitor.c -- a mutex and two condition variables. */
#include "hk_monitor.h"

#include <assert.h>
#include <time.h>

#define SECOND INT64_C(1000000000) /* ns */

static bool
init_conditions(hk_monitor *m, const pthread_condattr_t *attr)
{
    if (pthread_cond_init(&m->filled, attr) != 0) {
        return false;
    }
    if (pthread_cond_init(&m->left, attr) != 0) {
        (void)pthread_cond_destroy(&m->filled);
        return false;
    }
    return true;
}

hk_status
hk_monitor_init(hk_monitor *m)
{
    pthread_condattr_t attr;
    bool ok = true;
    if (pthread_condattr_init(&attr) != 0) {
        return HK_ERR_NOMEM;
    }
#if !defined(__APPLE__) /* macOS has no setclock; it waits for a relative time instead */
    ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0; /* the wall clock may jump */
#endif
    if (ok) {
        ok = pthread_mutex_init(&m->mutex, NULL) == 0;
    }
    if (ok && !init_conditions(m, &attr)) {
        (void)pthread_mutex_destroy(&m->mutex);
        ok = false;
    }
    (void)pthread_condattr_destroy(&attr);
    return ok ? HK_OK : HK_ERR_NOMEM;
}

void
hk_monitor_destroy(hk_monitor *m)
{
    (void)pthread_cond_destroy(&m->left);
    (void)pthread_cond_destroy(&m->filled);
    (void)pthread_mutex_destroy(&m->mutex);
}

static int64_t
monotonic(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock and a valid pointer */
    return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

int64_t
hk_deadline(int64_t timeout_ns)
{
    if (timeout_ns < 0) {
        return HK_NEVER;
    }
    const int64_t now = monotonic();
    return timeout_ns < INT64_MAX - now ? now + timeout_ns : HK_NEVER;
}

bool
hk_monitor_sleep(hk_monitor *m, pthread_cond_t *cond, int64_t deadline)
{
    assert(cond == &m->filled || cond == &m->left);
    if (deadline < 0) {
        (void)pthread_cond_wait(cond, &m->mutex);
        return true;
    }
#if defined(__APPLE__)
    const int64_t left = deadline - monotonic();
    if (left <= 0) {
        return false;
    }
    const struct timespec span = {left / SECOND, left % SECOND};
    return pthread_cond_timedwait_relative_np(cond, &m->mutex, &span) == 0;
#else
    const struct timespec until = {deadline / SECOND, deadline % SECOND};
    return pthread_cond_timedwait(cond, &m->mutex, &until) == 0;
#endif
}
