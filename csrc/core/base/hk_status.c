/* hk_status.c -- fills the error record. */
#include "hk_status.h"

#include <stdarg.h>
#include <stdio.h>

hk_status
hk_fail(hk_error *err, hk_status status, size_t offset, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;
        err->status = status;
        err->offset = offset;
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return status;
}
