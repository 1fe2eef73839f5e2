/* hk_match_error.c -- why a text is no matcher expression, and where. */
#include "hk_match_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

hk_status
hk_match_fail(hk_match_error *err, hk_status status, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
        err->status = status;
    }
    return status;
}

void
hk_match_seen(hk_slice text, size_t start, size_t end, char out[HK_MATCH_SEEN])
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    if (start >= end) {
        memcpy(out, "the end", sizeof "the end");
        return;
    }
    out[n++] = '\'';
    for (size_t i = start; i < end; i++) {
        const uint8_t byte = text.data[i];
        if (n + sizeof "\\xNN...'" > HK_MATCH_SEEN) {
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        if (byte >= 0x20 && byte < 0x7f) {
            out[n++] = (char)byte;
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[byte >> 4];
            out[n++] = hex[byte & 15];
        }
    }
    out[n++] = '\'';
    out[n] = 0;
}
