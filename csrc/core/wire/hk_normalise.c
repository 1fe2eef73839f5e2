/* hk_normalise.c -- decodes non-canonical Messages: protobuf-c reads, hk_encode writes again.
 *
 * protobuf-c makes a small allocation for each member, so its allocator is an arena: allocation
 * advances a pointer, everything is freed at once, and the total is limited. */
#include "hk_normalise.h"

#include <limits.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "gen/message.pb-c.h"

/* Bytes that protobuf-c may allocate for one Message of n bytes: n * FACTOR + BASE. It uses about
 * 50 for an unknown field of two bytes (the scan's record, the kept field, rounding), and each time
 * the scan's array doubles, the old array stays in the arena. */
#define ARENA_FACTOR 128u
#define ARENA_BASE 4096u
#define BLOCK_SIZE 16384u

typedef struct block {
    struct block *next; /* owned */
    size_t used;
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
} block;

typedef struct {
    block *blocks; /* owned, newest first */
    size_t left;   /* bytes that may still be taken */
    bool failed;   /* an allocation has failed */
} arena;

static void *
arena_alloc(void *data, size_t size)
{
    arena *a = data;
    const size_t align = alignof(max_align_t);
    if (size > a->left || size > SIZE_MAX - align - sizeof(block)) {
        a->failed = true;
        return NULL;
    }
    const size_t rounded = (size + align - 1) / align * align;
    if (a->blocks == NULL || rounded > a->blocks->size - a->blocks->used) {
        const size_t room = rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE;
        block *b = malloc(sizeof *b + room);
        if (b == NULL) {
            a->failed = true;
            return NULL;
        }
        b->next = a->blocks;
        b->used = 0;
        b->size = room;
        a->blocks = b;
    }
    void *p = a->blocks->bytes + a->blocks->used;
    a->blocks->used += rounded;
    a->left -= rounded < a->left ? rounded : a->left;
    return p;
}

static void
arena_ignore(void *data, void *pointer)
{
    (void)data;
    (void)pointer; /* freed with the arena */
}

static void
arena_free(arena *a)
{
    while (a->blocks != NULL) {
        block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}

/* Bytes that decoding a message of len bytes may take. */
static size_t
limit_for(size_t len)
{
    return len > (SIZE_MAX - ARENA_BASE) / ARENA_FACTOR ? SIZE_MAX
                                                        : len * ARENA_FACTOR + ARENA_BASE;
}

static hk_text
text_of(ProtobufCBinaryData data)
{
    return (hk_text){.data = data.data, .len = data.len, .kind = HK_TEXT_UTF8};
}

static hk_slice
slice_of(ProtobufCBinaryData data)
{
    return (hk_slice){.data = data.data, .len = data.len};
}

/* proto2 treats an unknown enum number as absent, and the default is STRING. */
static hk_value_type
type_of(const Heka__Field *field)
{
    if (!field->has_value_type || (int)field->value_type < 0 ||
        (unsigned)field->value_type >= HK_VALUE_TYPES) {
        return HK_STRING;
    }
    return (hk_value_type)field->value_type;
}

static size_t
count_of(const Heka__Field *field, hk_value_type type)
{
    const size_t counts[] = {field->n_value_string, field->n_value_bytes, field->n_value_integer,
                             field->n_value_double, field->n_value_bool};
    return counts[type];
}

static hk_status
put_value(hk_buffer *out, const Heka__Field *field, hk_value_type type, size_t i)
{
    size_t at;
    hk_text text;
    switch (type) {
        case HK_STRING:
            text = text_of(field->value_string[i]);
            return hk_put_string(out, &text, HK_SURROGATES_ESCAPED, &at);
        case HK_BYTES:
            return hk_put_bytes(out, slice_of(field->value_bytes[i]));
        case HK_INTEGER:
            return hk_put_integer(out, field->value_integer[i]);
        case HK_DOUBLE:
            return hk_put_double(out, field->value_double[i]);
        case HK_BOOL:
            return hk_put_bool(out, field->value_bool[i] != 0);
    }
    return HK_ERR_ARGUMENT;
}

static hk_status
put_field(hk_buffer *out, const Heka__Field *field)
{
    const hk_value_type type = type_of(field);
    const size_t count = count_of(field, type);
    const hk_text name = text_of(field->name);
    const hk_text representation = text_of(field->representation);
    hk_field_mark mark;

    hk_status status = hk_field_open(out, (hk_slice){NULL, 0}, &name, type, &representation,
                                     HK_SURROGATES_ESCAPED, &mark);
    for (size_t i = 0; i < count && status == HK_OK; i++) {
        status = put_value(out, field, type, i);
    }
    if (status == HK_OK && count == 0) {
        return hk_field_close_valueless(out, &mark);
    }
    return status == HK_OK ? hk_field_close(out, &mark) : status;
}

/* Unpacks a message that may have groups, which protobuf-c refuses; NULL: it has none, or there is
 * no memory. The result does not borrow from data. */
static Heka__Message *
unpack_without_groups(ProtobufCAllocator *allocator, const uint8_t *data, size_t len)
{
    arena *a = allocator->allocator_data;
    const size_t limit = limit_for(len);
    uint8_t *covered = malloc(len);
    if (covered == NULL) {
        return NULL;
    }
    memcpy(covered, data, len);
    Heka__Message *m = NULL;
    if (hk_decode_cover_groups(covered, len)) {
        arena_free(a);
        a->left = limit;
        m = heka__message__unpack(allocator, len, covered);
    }
    free(covered);
    return m;
}

hk_status
hk_decode_normalise(const uint8_t *data, size_t len, hk_buffer *out, hk_error *err)
{
    hk_status status;
    arena a = {NULL, 0, false};
    ProtobufCAllocator allocator = {
        .alloc = arena_alloc, .free = arena_ignore, .allocator_data = &a};

    a.left = limit_for(len);
    Heka__Message *m = heka__message__unpack(&allocator, len, data);
    if (m == NULL) {
        /* protobuf-c does not say whether the bytes are invalid, have groups or memory ran out. */
        status = hk_decode_check(data, len, err);
        if (status != HK_OK) {
            goto done;
        }
        m = a.failed ? NULL : unpack_without_groups(&allocator, data, len);
    }
    if (m == NULL) {
        status = hk_fail(err, HK_ERR_NOMEM, 0, "no memory to decode %zu bytes", len);
        goto done;
    }
    if (m->uuid.len != HK_UUID_SIZE) {
        status = hk_decode_check(data, len, err);
        goto done;
    }
    const hk_head head = {
        .uuid = m->uuid.data,
        .timestamp = m->timestamp,
        .severity = m->severity,
        .pid = m->pid,
        .type = text_of(m->type),
        .logger = text_of(m->logger),
        .payload = text_of(m->payload),
        .env_version = text_of(m->env_version),
        .hostname = text_of(m->hostname),
    };
    status = hk_encode_head(out, &head);
    for (size_t i = 0; i < m->n_fields && status == HK_OK; i++) {
        status = put_field(out, m->fields[i]);
    }
    if (status != HK_OK) {
        status = hk_fail(err, status, 0, "cannot hold the canonical form of %zu bytes", len);
    }
done:
    arena_free(&a);
    return status;
}

hk_status
hk_decode(const uint8_t *data, size_t len, hk_message *message, hk_buffer *spare, hk_error *err)
{
    if (hk_decode_canonical(data, len, message) == HK_OK) {
        return HK_OK;
    }
    hk_status status = hk_decode_check(data, len, err);
    if (status == HK_OK) {
        status = hk_decode_normalise(data, len, spare, err);
    }
    if (status == HK_OK && hk_decode_canonical(spare->data, spare->len, message) != HK_OK) {
        status = hk_fail(err, HK_ERR_CORRUPT, 0, "the normalised message is not canonical");
    }
    return status;
}

const char *
hk_normalise_library(void)
{
    return protobuf_c_version();
}
