/* severity.h -- severities as arguments: a number from 0 to 7, or a name in any case.
 *
 * Messages themselves have numbers only: heka.Message and heka.pack take any int32. */
#ifndef HEKA_SEVERITY_H
#define HEKA_SEVERITY_H

#include "state.h"

#define HEKA_SEVERITY_MAX 7 /* debug, in RFC 5424 */

/* Reads a severity that is no number from 0 to 7 of the type int: a name, an object with __index__,
 * whose code runs here. The number must be `least` or more. 0, or -1 with a ValueError that
 * contains `name`, or with the exception of __index__. */
HK_COLD int heka_read_other_severity(PyObject *value, const char *name, int32_t least,
                                     int32_t *out);

/* Reads the severity of a call. 0, or -1 with an exception, as above. */
static inline int
heka_read_severity(PyObject *value, int32_t *out)
{
    if (HK_LIKELY(PyLong_CheckExact(value))) {
        int overflow;
        const long number = PyLong_AsLongAndOverflow(value, &overflow);
        if (HK_LIKELY((unsigned long)number <= HEKA_SEVERITY_MAX)) { /* -1 after an overflow */
            *out = (int32_t)number;
            return 0;
        }
    }
    return heka_read_other_severity(value, "severity", 0, out);
}

/* Reads the largest severity that is sent: a severity, or -1, with which nothing is sent. */
int heka_read_level(PyObject *value, int32_t *out);

#endif
