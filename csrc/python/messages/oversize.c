/* oversize.c -- truncates a message that is too large for its destination.
 *
 * Works on the encoded message and creates no Python objects, so nothing here runs user code. */
#include "oversize.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire/hk_decode.h"
#include "python/base/errors.h"
#include "cut.h"

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

/* A payload or a field that may be cut. */
typedef struct {
    size_t index;    /* 0: the payload; n: the nth field, from 1 on */
    size_t size;     /* bytes of the payload, or of the field's values as they are encoded */
    size_t original; /* bytes, for the mark */
    hk_slice name;   /* of the field; empty for the payload */
} part;

/* What a message consists of, and how much of it stays. */
typedef struct {
    hk_message m;
    part *parts;  /* owned; the largest first, until they are sorted by index */
    size_t count; /* of the parts */
    size_t cut;   /* the number of parts, from the first, that are cut */
    size_t level; /* bytes that each of these keeps at most */
} plan;

/* Appends the field heka.truncated, or heka.truncated.NAME: the original bytes of the part. */
static hk_status
append_mark(hk_buffer *out, const part *p)
{
    static const char payload[] = "heka.truncated";
    static const uint8_t prefix[] = "heka.truncated.";
    const hk_text unit = {.data = "B", .len = 1, .kind = HK_TEXT_UTF8};
    const hk_slice path = {prefix, p->index == 0 ? 0 : sizeof prefix - 1};
    const hk_text name = p->index == 0
                             ? text_of((hk_slice){(const uint8_t *)payload, sizeof payload - 1})
                             : text_of(p->name);
    hk_field_mark mark;
    hk_status status =
        hk_field_open(out, path, &name, HK_INTEGER, &unit, HK_SURROGATES_REFUSED, &mark);
    if (status == HK_OK) {
        status = hk_put_integer(out, (int64_t)p->original);
    }
    return status == HK_OK ? hk_field_close(out, &mark) : status;
}

static int
larger_first(const void *left, const void *right)
{
    const part *a = left;
    const part *b = right;
    return a->size != b->size ? (a->size < b->size) - (a->size > b->size)
                              : (a->index > b->index) - (a->index < b->index);
}

static int
by_index(const void *left, const void *right)
{
    const part *a = left;
    const part *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

/* Lists the parts that may be cut, the largest first. */
static hk_status
list_parts(plan *p, size_t original)
{
    hk_slice fields = p->m.fields;
    hk_field field;
    size_t count = 1;
    while (hk_field_next(&fields, &field)) {
        count++;
    }
    p->parts = PyMem_New(part, count);
    if (p->parts == NULL) {
        return HK_ERR_NOMEM;
    }
    if (p->m.payload.len > 0) {
        p->parts[p->count++] = (part){.size = p->m.payload.len,
                                      .original = original > 0 ? original : p->m.payload.len};
    }
    fields = p->m.fields;
    for (size_t index = 1; hk_field_next(&fields, &field); index++) {
        if (field.values.len > 0) {
            p->parts[p->count++] = (part){.index = index,
                                          .size = field.values.len,
                                          .original = heka_cut_measure(&field),
                                          .name = field.name};
        }
    }
    qsort(p->parts, p->count, sizeof *p->parts, larger_first);
    return HK_OK;
}

/* Decides what is cut: the largest part down to the size of the next, then both, and so on, until
 * `excess` bytes are saved. *marks gets the marks. HK_ERR_TOO_BIG: that is not possible. */
static hk_status
choose(plan *p, size_t excess, hk_buffer *marks)
{
    size_t before = 0; /* bytes of the parts that are cut */
    for (size_t n = 0; n < p->count; n++) {
        const hk_status status = append_mark(marks, &p->parts[n]);
        if (status != HK_OK) {
            return status;
        }
        before += p->parts[n].size;
        p->cut = n + 1;
        if (before < excess + marks->len) {
            continue;
        }
        p->level = (before - excess - marks->len) / p->cut;
        if (p->cut == p->count || p->level >= p->parts[n + 1].size) {
            return HK_OK;
        }
    }
    return HK_ERR_TOO_BIG;
}

/* Appends the fields, of which p->parts[0..cut), sorted by index, are cut. */
static hk_status
put_fields(const plan *p, size_t next, hk_buffer *out)
{
    hk_slice fields = p->m.fields;
    hk_field field;
    hk_status status = HK_OK;
    for (size_t index = 1; status == HK_OK && hk_field_next(&fields, &field); index++) {
        if (next < p->cut && p->parts[next].index == index) {
            status = heka_cut_field(out, &field, p->level);
            next++;
        } else {
            status = hk_buffer_append(out, field.whole.data, field.whole.len);
        }
    }
    return status;
}

/* Encodes the message again, with what stays of it. */
static hk_status
rewrite(const plan *p, hk_slice marks, hk_buffer *out)
{
    const hk_message *m = &p->m;
    hk_buffer payload;
    hk_status status = HK_OK;
    const bool cut = p->parts[0].index == 0; /* sorted by index */

    hk_buffer_init(&payload, NULL, 0, HK_LENGTH_MAX);
    if (cut) {
        status = heka_cut_text(&payload, m->payload, p->level);
    }
    if (status == HK_OK) {
        const hk_head head = {
            .uuid = m->uuid,
            .timestamp = m->timestamp,
            .severity = m->severity,
            .pid = m->pid,
            .type = text_of(m->type),
            .logger = text_of(m->logger),
            .payload = text_of(cut ? (hk_slice){payload.data, payload.len} : m->payload),
            .env_version = text_of(m->env_version),
            .hostname = text_of(m->hostname),
        };
        status = hk_encode_head(out, &head);
    }
    if (status == HK_OK) {
        status = put_fields(p, cut ? 1 : 0, out);
    }
    hk_buffer_clear(&payload);
    return status == HK_OK ? hk_buffer_append(out, marks.data, marks.len) : status;
}

int
heka_truncate(hk_buffer *out, size_t start, size_t limit, size_t original)
{
    plan p = {.parts = NULL};
    hk_buffer marks;
    hk_buffer shorter;
    uint8_t block[64];
    int result = 0;
    const size_t size = out->len - start;

    hk_buffer_init(&marks, block, sizeof block, HK_LENGTH_MAX);
    hk_buffer_init(&shorter, NULL, 0, HK_LENGTH_MAX);
    if (hk_decode_canonical(out->data + start, size, &p.m) != HK_OK || !may_be_cut(p.m.type)) {
        goto done;
    }
    hk_status status = list_parts(&p, original);
    if (status == HK_OK) {
        status = choose(&p, size - limit, &marks); /* the caller found size > limit */
    }
    if (status == HK_OK) {
        qsort(p.parts, p.cut, sizeof *p.parts, by_index);
        status = rewrite(&p, (hk_slice){marks.data, marks.len}, &shorter);
    }
    if (status != HK_OK) {
        if (status != HK_ERR_TOO_BIG) {
            PyErr_NoMemory();
            result = -1;
        }
        goto done;
    }
    if (shorter.len > limit) { /* numbers that are not cut, in less room than these need */
        goto done;
    }
    /* Fits without growing. p.m borrowed from out until here, hence the second buffer. */
    memcpy(out->data + start, shorter.data, shorter.len);
    out->len = start + shorter.len;
    result = 1;
done:
    PyMem_Free(p.parts);
    hk_buffer_clear(&shorter);
    hk_buffer_clear(&marks);
    return result;
}
