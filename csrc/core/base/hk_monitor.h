/* hk_monitor.h -- a mutex and two conditions to sleep on, with deadlines that no clock change
 * moves.
 *
 * Includes: hk_status.h. */
#ifndef HK_MONITOR_H
#define HK_MONITOR_H

#include <pthread.h>

#include "hk_status.h"

#define HK_NEVER INT64_C(-1) /* the deadline that does not come */

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t filled; /* something has come */
    pthread_cond_t left;   /* something has gone */
} hk_monitor;

/* HK_ERR_NOMEM when the system has no memory for them (glibc never says so). May be called on one
 * that a forked child inherited, whoever held it: destroying that would wait for threads that are
 * not here. */
HK_CHECK hk_status hk_monitor_init(hk_monitor *m);
void hk_monitor_destroy(hk_monitor *m);

/* The moment when timeout_ns will have passed, on a clock of the system's; negative: HK_NEVER. */
int64_t hk_deadline(int64_t timeout_ns);

/* With the mutex held: gives it up, sleeps on `cond`, one of m's, takes it again. False when the
 * deadline has passed; true after a signal, or for no reason. */
bool hk_monitor_sleep(hk_monitor *m, pthread_cond_t *cond, int64_t deadline);

#endif
