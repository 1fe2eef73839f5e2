/* lines.h -- line_frames: lines of a log file as frames. */
#ifndef HEKA_AGENT_LINES_H
#define HEKA_AGENT_LINES_H

#include "python/base/state.h"

/* The module function line_frames(data, place, parts, limits, now, /). */
PyObject *heka_line_frames(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_line_frames_doc[];

#endif
