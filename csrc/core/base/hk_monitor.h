/* hk_monitor.h -- a mutex and two condition variables, with deadlines on the monotonic clock.
 *
 * A change of the wall clock moves no deadline. Includes: hk_status.h. */
#ifndef HK_MONITOR_H
#define HK_MONITOR_H

#include <pthread.h>

#include "hk_status.h"

#define HK_NEVER INT64_C(-1) /* the deadline that never passes */

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t filled; /* signalled after something was added */
    pthread_cond_t left;   /* signalled after something was removed */
} hk_monitor;

/* HK_ERR_NOMEM when the system has no memory for them (glibc never fails here). A forked child may
 * call it on the monitor it inherited, even one that is locked, and must not destroy that one
 * first: destroying waits for threads that exist in the parent only. */
HK_CHECK hk_status hk_monitor_init(hk_monitor *m);
void hk_monitor_destroy(hk_monitor *m);

/* Now plus timeout_ns, in ns of the monotonic clock; HK_NEVER when timeout_ns is negative. */
int64_t hk_deadline(int64_t timeout_ns);

/* Waits on `cond`, one of m's two, with m->mutex held; the wait releases the mutex and takes it
 * again. False when the deadline has passed; true after a signal or a spurious wakeup. */
bool hk_monitor_sleep(hk_monitor *m, pthread_cond_t *cond, int64_t deadline);

#endif
