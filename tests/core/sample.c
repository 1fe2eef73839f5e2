/* sample.c -- bytes, messages and frames for the tests. */
#include "sample.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
must(hk_status status)
{
    if (status != HK_OK) {
        fprintf(stderr, "a sample could not be built: status %d\n", (int)status);
        abort();
    }
}

hk_slice
slice_of(const char *text)
{
    return (hk_slice){(const uint8_t *)text, strlen(text)};
}

hk_text
utf8_of(const char *text)
{
    return (hk_text){.data = text, .len = strlen(text), .kind = HK_TEXT_UTF8};
}

hk_buffer
sample_buffer(void)
{
    hk_buffer out;
    hk_buffer_init(&out, NULL, 0, 64u * 1024u * 1024u);
    return out;
}

void
put_raw(hk_buffer *out, const void *data, size_t len)
{
    must(hk_buffer_append(out, data, len));
}

static unsigned
digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    if (at == NULL) {
        fprintf(stderr, "expected a hexadecimal digit, got '%c'\n", c);
        abort();
    }
    return (unsigned)(at - digits);
}

void
put_hex(hk_buffer *out, const char *digits)
{
    while (*digits != '\0') {
        if (*digits == ' ') {
            digits++;
            continue;
        }
        const uint8_t byte = (uint8_t)(digit(digits[0]) << 4 | digit(digits[1]));
        put_raw(out, &byte, 1);
        digits += 2;
    }
}

void
put_varint(hk_buffer *out, uint64_t value)
{
    uint8_t bytes[HK_VARINT_MAX];
    put_raw(out, bytes, (size_t)(hk_varint_put(bytes, value) - bytes));
}

void
put_entry(hk_buffer *out, uint8_t tag, const void *data, size_t len)
{
    put_raw(out, &tag, 1);
    put_varint(out, len);
    put_raw(out, data, len);
}

void
put_smallest(hk_buffer *out)
{
    put_hex(out, "0a10 000102030405060708090a0b0c0d0e0f 1001");
}

uint8_t *
sample_exact(const hk_buffer *buf)
{
    uint8_t *data = malloc(buf->len > 0 ? buf->len : 1);
    if (buf->len > 0) {
        memcpy(data, buf->data, buf->len);
    }
    return data;
}

uint64_t
sample_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t
sample_bits(uint64_t *state)
{
    const uint64_t bits = sample_random(state);
    const uint64_t kind = sample_random(state) % 80;
    return kind < 64 ? bits >> kind : kind < 70 ? UINT64_MAX : bits;
}

/* ---- canonical messages ---- */

static size_t
below(uint64_t *state, size_t n)
{
    return (size_t)(sample_random(state) % n);
}

/* Mostly short; sometimes near 128, where the varint of a length takes one byte more. */
static size_t
any_length(uint64_t *state)
{
    switch (below(state, 8)) {
        case 0:
            return 0;
        case 1:
            return 120 + below(state, 20);
        case 2:
            return below(state, 700);
        default:
            return below(state, 12);
    }
}

/* Any bytes, kept in the block. */
static hk_text
any_text(uint64_t *state, uint8_t block[1024])
{
    const size_t len = any_length(state);
    for (size_t i = 0; i < len; i++) {
        block[i] = (uint8_t)sample_random(state);
    }
    return (hk_text){.data = block, .len = len, .kind = HK_TEXT_UTF8};
}

static void
put_any_value(hk_buffer *out, hk_value_type type, uint64_t *state)
{
    uint8_t block[1024];
    size_t at;
    uint64_t bits;
    double real;
    hk_text text;
    switch (type) {
        case HK_STRING:
            text = any_text(state, block);
            must(hk_put_string(out, &text, HK_SURROGATES_REFUSED, &at));
            break;
        case HK_BYTES:
            text = any_text(state, block);
            must(hk_put_bytes(out, (hk_slice){block, text.len}));
            break;
        case HK_INTEGER:
            must(hk_put_integer(out, (int64_t)sample_bits(state)));
            break;
        case HK_DOUBLE: /* any bits: infinities and NaN of any payload too */
            bits = sample_random(state);
            memcpy(&real, &bits, sizeof real);
            must(hk_put_double(out, real));
            break;
        case HK_BOOL:
            must(hk_put_bool(out, below(state, 2) == 1));
            break;
    }
}

void
sample_message(hk_buffer *out, uint64_t seed)
{
    uint64_t state = seed;
    uint8_t uuid[HK_UUID_SIZE];
    uint8_t blocks[5][1024];

    for (size_t i = 0; i < sizeof uuid; i++) {
        uuid[i] = (uint8_t)sample_random(&state);
    }
    /* Assigned one by one: the order in which C evaluates initialisers is unspecified, and the
     * sample must not depend on the compiler. */
    hk_head head = {.uuid = uuid};
    head.timestamp = (int64_t)sample_bits(&state);
    head.severity = (int32_t)sample_random(&state);
    head.pid = (int32_t)sample_random(&state);
    head.type = any_text(&state, blocks[0]);
    head.logger = any_text(&state, blocks[1]);
    head.payload = any_text(&state, blocks[2]);
    head.env_version = any_text(&state, blocks[3]);
    head.hostname = any_text(&state, blocks[4]);
    must(hk_encode_head(out, &head));
    for (size_t fields = below(&state, 6); fields > 0; fields--) {
        const hk_value_type type = (hk_value_type)below(&state, HK_VALUE_TYPES);
        const hk_text name = any_text(&state, blocks[0]);
        const hk_text representation = any_text(&state, blocks[1]);
        hk_field_mark mark;
        must(hk_field_open(out, (hk_slice){NULL, 0}, &name, type, &representation,
                           HK_SURROGATES_REFUSED, &mark));
        for (size_t values = 1 + any_length(&state) / 4; values > 0; values--) {
            put_any_value(out, type, &state);
        }
        must(hk_field_close(out, &mark));
    }
}

/* ---- frames ---- */

void
put_frame(hk_buffer *out, const uint8_t *message, size_t len, const hk_identity *identity)
{
    uint8_t *block = malloc(HK_FRAME_ROOM + len);
    uint8_t *start;
    if (block == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(block + HK_FRAME_ROOM, message, len);
    }
    must(hk_frame_seal(block + HK_FRAME_ROOM, len, identity, &start, NULL));
    put_raw(out, start, (size_t)(block + HK_FRAME_ROOM + len - start));
    free(block);
}

void
put_frame_start(hk_buffer *out, const uint8_t *header, size_t len)
{
    const uint8_t start[2] = {HK_RS, (uint8_t)len};
    const uint8_t end = HK_US;
    put_raw(out, start, sizeof start);
    put_raw(out, header, len);
    put_raw(out, &end, 1);
}

hk_identity
sample_identity(const char *name, uint32_t version, hk_hash hash, const char *key)
{
    hk_identity identity;
    must(hk_identity_init(&identity, slice_of(name), version, hash, slice_of(key), NULL));
    return identity;
}

/* ---- files ---- */

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

size_t
for_each_file(const char *folder,
              void (*use)(const char *name, const uint8_t *data, size_t len, void *arg), void *arg)
{
    struct dirent **names = NULL;
    const int found = scandir(folder, &names, is_visible, alphasort);

    for (int i = 0; i < found; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        FILE *file = fopen(path, "rb");
        if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
            perror(path);
            abort();
        }
        const size_t len = (size_t)ftell(file);
        uint8_t *data = malloc(len > 0 ? len : 1);
        rewind(file);
        if (data == NULL || fread(data, 1, len, file) != len) {
            perror(path);
            abort();
        }
        (void)fclose(file);
        use(names[i]->d_name, data, len, arg);
        free(data);
        free(names[i]);
    }
    free(names);
    return found > 0 ? (size_t)found : 0;
}
