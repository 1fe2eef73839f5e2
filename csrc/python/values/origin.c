/* origin.c -- fields that were decoded from the wire: what only they may contain. */
#include "origin.h"

#include "python/base/text.h"
#include "refuse.h"

hk_surrogates
heka_origin_mode(heka_run *r, const hk_text *text)
{
    size_t size;
    size_t at;
    if (r->origin == NULL || hk_utf8_measure(text, HK_SURROGATES_REFUSED, &size, &at) == HK_OK) {
        return HK_SURROGATES_REFUSED;
    }
    r->escaped = true;
    return HK_SURROGATES_ESCAPED;
}

int
heka_origin_is_valueless(heka_run *r, PyObject *key)
{
    hk_text name;
    size_t size;
    size_t at;
    uint8_t block[256];
    hk_buffer text;

    if (r->origin == NULL) {
        return 0;
    }
    if (heka_text_borrow(key, &name) < 0) {
        return -1;
    }
    if (hk_utf8_measure(&name, HK_SURROGATES_ESCAPED, &size, &at) != HK_OK) {
        return 0; /* no wire name decodes to this str */
    }
    hk_buffer_init(&text, block, sizeof block, HK_LENGTH_MAX);
    hk_status status = hk_names_make(&r->origin->valueless, HK_NAMES_VALUELESS, r->origin->wire);
    if (status == HK_OK) {
        status = hk_buffer_room(&text, size);
    }
    if (status != HK_OK) {
        return heka_run_fail(r, status);
    }
    text.len = (size_t)(hk_utf8_write(&name, text.data) - text.data);
    const int found = hk_names_hold(&r->origin->valueless, (hk_slice){text.data, text.len});
    hk_buffer_clear(&text);
    return found;
}

int
heka_origin_check(heka_run *r, PyObject *key, size_t start)
{
    const hk_status status = hk_names_make(&r->origin->wholes, HK_NAMES_WHOLE, r->origin->wire);
    if (status != HK_OK) {
        return heka_run_fail(r, status);
    }
    if (hk_names_hold(&r->origin->wholes, (hk_slice){r->out->data + start, r->out->len - start})) {
        return 0;
    }
    return heka_refuse_name(r->state, heka_run_path(r), key);
}
