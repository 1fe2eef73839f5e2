/* foreign.c -- random messages that are valid protobuf, in forms that no known client writes. */
#include <string.h>

#include "sample.h"

static size_t
below(uint64_t *state, size_t n)
{
    return (size_t)(sample_random(state) % n);
}

/* A varint of any valid length: the shortest, or padded with zeros. */
static void
put_long_varint(hk_buffer *out, uint64_t value, size_t longest, uint64_t *state)
{
    uint8_t bytes[HK_VARINT_MAX];
    size_t n = (size_t)(hk_varint_put(bytes, value) - bytes);
    if (below(state, 4) == 0) {
        const size_t wanted = n + below(state, longest - n + 1);
        while (n < wanted) {
            bytes[n - 1] |= 0x80;
            bytes[n++] = 0;
        }
    }
    put_raw(out, bytes, n);
}

static void
put_key(hk_buffer *out, uint32_t number, unsigned wire, uint64_t *state)
{
    put_long_varint(out, (uint64_t)number << 3 | wire, 5, state);
}

static void
put_number(hk_buffer *out, uint32_t number, uint64_t *state)
{
    put_key(out, number, 0, state);
    put_long_varint(out, sample_bits(state), HK_VARINT_MAX, state);
}

static void
put_block(hk_buffer *out, uint32_t number, const void *data, size_t len, uint64_t *state)
{
    put_key(out, number, 2, state);
    put_long_varint(out, len, 5, state);
    put_raw(out, data, len);
}

static void
put_noise(hk_buffer *out, uint32_t number, size_t len, uint64_t *state)
{
    uint8_t noise[512];
    for (size_t i = 0; i < len; i++) {
        noise[i] = (uint8_t)sample_random(state);
    }
    put_block(out, number, noise, len, state);
}

/* A group, with entries and groups inside; those may have any numbers. */
static void
put_group(hk_buffer *out, uint32_t number, uint64_t *state)
{
    uint32_t open[4] = {number};
    size_t depth = 1;

    put_key(out, number, 3, state);
    while (depth > 0) {
        const uint32_t inside = (uint32_t)(1 + below(state, 20));
        switch (below(state, 5)) {
            case 0:
                put_number(out, inside, state);
                break;
            case 1:
                put_noise(out, inside, below(state, 200), state);
                break;
            case 2:
                if (depth < sizeof open / sizeof open[0]) {
                    put_key(out, inside, 3, state);
                    open[depth++] = inside;
                }
                break;
            default:
                put_key(out, open[--depth], 4, state);
                break;
        }
    }
}

/* An entry with a field number that neither Message nor Field has. */
static void
put_unknown(hk_buffer *out, uint64_t *state)
{
    static const uint8_t zeros[8] = {0};
    const uint32_t numbers[] = {11, 15, 16, 100, 2000, 70000, (1u << 29) - 1};
    const uint32_t number = numbers[below(state, sizeof numbers / sizeof numbers[0])];
    switch (below(state, 5)) {
        case 4:
            put_group(out, number, state);
            break;
        case 0:
            put_number(out, number, state);
            break;
        case 1:
            put_noise(out, number, below(state, 40), state);
            break;
        case 2:
            put_key(out, number, 1, state);
            put_raw(out, zeros, 8);
            break;
        default:
            put_key(out, number, 5, state);
            put_raw(out, zeros, 4);
            break;
    }
}

static void
put_packed(hk_buffer *out, uint32_t number, uint64_t *state)
{
    hk_buffer inside = sample_buffer();
    for (size_t n = below(state, 6); n > 0; n--) {
        if (number == 7) {
            const uint64_t bits = sample_random(state);
            put_raw(&inside, &bits, sizeof bits);
        } else {
            put_long_varint(&inside, sample_bits(state), HK_VARINT_MAX, state);
        }
    }
    put_block(out, number, inside.data, inside.len, state);
    hk_buffer_clear(&inside);
}

static void
put_field(hk_buffer *out, uint64_t *state)
{
    hk_buffer inside = sample_buffer();
    bool named = false;

    for (size_t n = below(state, 9); n > 0 || !named; n--) {
        const uint32_t number = n == 0 ? 1 : (uint32_t)(1 + below(state, 9));
        switch (number) {
            case 1:
                named = true;
                put_noise(&inside, 1, below(state, 6), state);
                break;
            case 2: /* sometimes a number that is not a value type */
                put_key(&inside, 2, 0, state);
                put_long_varint(&inside, below(state, 7) == 0 ? 1u << 31 : below(state, 6),
                                HK_VARINT_MAX, state);
                break;
            case 3:
            case 4:
            case 5:
                put_noise(&inside, number, below(state, 150), state);
                break;
            case 6:
            case 8:
                if (below(state, 2) == 0) {
                    put_packed(&inside, number, state);
                } else {
                    put_number(&inside, number, state);
                }
                break;
            case 7:
                if (below(state, 2) == 0) {
                    put_packed(&inside, number, state);
                } else {
                    const uint64_t bits = sample_random(state);
                    put_key(&inside, 7, 1, state);
                    put_raw(&inside, &bits, sizeof bits);
                }
                break;
            default:
                put_unknown(&inside, state);
                break;
        }
        if (n == 0) {
            break;
        }
    }
    put_block(out, 10, inside.data, inside.len, state);
    hk_buffer_clear(&inside);
}

void
sample_foreign(hk_buffer *out, uint64_t seed)
{
    uint64_t state = seed;
    bool timed = false;

    for (size_t n = below(&state, 14); n > 0; n--) {
        const uint32_t number = (uint32_t)(1 + below(&state, 13));
        switch (number) {
            case 1: /* of any length: the last one counts */
                put_noise(out, 1, below(&state, 2) == 0 ? 16 : below(&state, 20), &state);
                break;
            case 2:
                timed = true;
                put_number(out, 2, &state);
                break;
            case 5:
            case 8:
                put_number(out, number, &state);
                break;
            case 3:
            case 4:
            case 6:
            case 7:
            case 9:
                put_noise(out, number, below(&state, 200), &state);
                break;
            case 10:
            case 11:
                put_field(out, &state);
                break;
            default:
                put_unknown(out, &state);
                break;
        }
    }
    if (!timed) {
        put_number(out, 2, &state);
    }
    put_noise(out, 1, HK_UUID_SIZE, &state);
}
