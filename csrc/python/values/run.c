/* run.c -- the state of one encoding run over a mapping of fields. */
#include "run.h"

#include "python/base/errors.h"

int
heka_run_fail(heka_run *r, hk_status status)
{
    r->over_limit |= status == HK_ERR_TOO_BIG;
    r->too_large |= status == HK_ERR_TOO_BIG;
    if (status == HK_ERR_TOO_BIG && r->policy->too_large != NULL) {
        *r->policy->too_large = true;
    }
    (void)heka_raise_status(r->state, status);
    return -1;
}

hk_status
heka_run_enter(heka_run *r, const hk_text *name)
{
    size_t size;
    size_t at;
    /* Surrogates are always refused: decoded fields are flat, so a nested name is the user's. */
    hk_status status = hk_utf8_measure(name, HK_SURROGATES_REFUSED, &size, &at);
    if (status == HK_OK && size > HK_LENGTH_MAX) {
        status = HK_ERR_TOO_BIG;
    }
    if (status == HK_OK) {
        status = hk_buffer_room(&r->path, size + 1);
    }
    if (status == HK_OK) {
        r->path.len = (size_t)(hk_utf8_write(name, r->path.data + r->path.len) - r->path.data);
        r->path.data[r->path.len++] = '.';
        r->depth++;
        r->nested = true;
    }
    return status;
}

void
heka_run_leave(heka_run *r, size_t path_len)
{
    r->path.len = path_len;
    r->depth--;
}
