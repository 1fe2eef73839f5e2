/* stats.h -- the type StatTable, for other files of the binding. */
#ifndef HEKA_STATS_H
#define HEKA_STATS_H

#include "core/agent/hk_stats.h"
#include "python/base/state.h"

/* The table does not change after construction and locks itself: its functions need no GIL. */
typedef struct {
    PyObject_HEAD
    hk_stats *stats; /* owned */
} HekaStatTable;

/* datagrams.c: StatTable.receive(). */
PyObject *heka_stats_receive(PyObject *op, PyObject *const *args, Py_ssize_t nargs);
extern const char heka_stats_receive_doc[];

#endif
