/* oversize.c -- truncates a message that is too large for its destination.
 *
 * Works on the encoded message and creates no Python objects, so nothing here runs user code. */
#include "oversize.h"

#include <string.h>

#include "core/wire/hk_decode.h"
#include "python/base/errors.h"

/* Types whose payload is useless once truncated: JSON, CEF, a number. */
static const char *const structured[] = {"sentry", "cef", "counter", "timer", "gauge"};

static bool
may_be_cut(hk_slice type)
{
    for (size_t i = 0; i < sizeof structured / sizeof structured[0]; i++) {
        if (strlen(structured[i]) == type.len && memcmp(structured[i], type.data, type.len) == 0) {
            return false;
        }
    }
    return true;
}

static hk_text
text_of(hk_slice slice)
{
    return (hk_text){.data = slice.data, .len = slice.len, .kind = HK_TEXT_UTF8};
}

/* Appends the field heka.truncated: the original bytes of the payload. */
static hk_status
append_mark(hk_buffer *out, size_t original)
{
    static const char name[] = "heka.truncated";
    const hk_text text = {.data = name, .len = sizeof name - 1, .kind = HK_TEXT_UTF8};
    const hk_text unit = {.data = "B", .len = 1, .kind = HK_TEXT_UTF8};
    hk_field_mark mark;
    hk_status status = hk_field_open(out, (hk_slice){NULL, 0}, &text, HK_INTEGER, &unit,
                                     HK_SURROGATES_REFUSED, &mark);
    if (status == HK_OK) {
        status = hk_put_integer(out, (int64_t)original);
    }
    return status == HK_OK ? hk_field_close(out, &mark) : status;
}

/* Encodes the message again, with the first `keep` bytes of its payload. */
static hk_status
rewrite(const hk_message *m, size_t keep, hk_slice mark, hk_buffer *out)
{
    const hk_head head = {
        .uuid = m->uuid,
        .timestamp = m->timestamp,
        .severity = m->severity,
        .pid = m->pid,
        .type = text_of(m->type),
        .logger = text_of(m->logger),
        .payload = text_of((hk_slice){m->payload.data, keep}),
        .env_version = text_of(m->env_version),
        .hostname = text_of(m->hostname),
    };
    hk_status status = hk_encode_head(out, &head);
    if (status == HK_OK) {
        status = hk_buffer_append(out, m->fields.data, m->fields.len);
    }
    return status == HK_OK ? hk_buffer_append(out, mark.data, mark.len) : status;
}

int
heka_truncate(hk_buffer *out, size_t start, size_t limit, size_t original)
{
    hk_message m;
    hk_buffer mark;
    hk_buffer shorter;
    uint8_t block[64];
    int result = -1;
    const size_t size = out->len - start;

    hk_buffer_init(&mark, block, sizeof block, HK_LENGTH_MAX);
    hk_buffer_init(&shorter, NULL, 0, HK_LENGTH_MAX);
    if (hk_decode_canonical(out->data + start, size, &m) != HK_OK || !may_be_cut(m.type)) {
        result = 0;
        goto done;
    }
    if (append_mark(&mark, original > 0 ? original : m.payload.len) != HK_OK) {
        PyErr_NoMemory();
        goto done;
    }
    const size_t excess = size + mark.len - limit; /* the caller found size > limit */
    if (excess > m.payload.len) {
        result = 0;
        goto done;
    }
    const size_t keep = hk_utf8_cut(m.payload.data, m.payload.len, m.payload.len - excess);
    if (rewrite(&m, keep, (hk_slice){mark.data, mark.len}, &shorter) != HK_OK) {
        PyErr_NoMemory();
        goto done;
    }
    /* Fits without growing. m borrowed from out until here, hence the second buffer. */
    memcpy(out->data + start, shorter.data, shorter.len);
    out->len = start + shorter.len;
    result = 1;
done:
    hk_buffer_clear(&shorter);
    hk_buffer_clear(&mark);
    return result;
}
