/* frames.c -- frames whose bytes identify their maker, order and length. */
#include "frames.h"

static uint8_t
byte_of(size_t at, size_t len, unsigned maker, unsigned number)
{
    switch (at) {
        case 0:
            return (uint8_t)maker;
        case 1:
        case 2:
        case 3:
            return (uint8_t)(number >> 8 * (at - 1));
        case 4:
        case 5:
        case 6:
        case 7:
            return (uint8_t)(len >> 8 * (at - 4));
        default:
            return (uint8_t)(at * 31 + number * 7 + maker + (at >> 8));
    }
}

void
frames_write(uint8_t *to, size_t len, unsigned maker, unsigned number)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = byte_of(i, len, maker, number);
    }
}

bool
frames_match(const uint8_t *data, size_t len, unsigned maker, unsigned number)
{
    size_t same = 0;
    while (same < len && data[same] == byte_of(same, len, maker, number)) {
        same++;
    }
    return same == len;
}

size_t
frames_read(const uint8_t *data, size_t left, unsigned *maker, unsigned *number)
{
    if (left < FRAMES_HEAD) {
        return 0;
    }
    *maker = data[0];
    *number = (unsigned)data[1] | (unsigned)data[2] << 8 | (unsigned)data[3] << 16;
    const size_t len =
        (size_t)data[4] | (size_t)data[5] << 8 | (size_t)data[6] << 16 | (size_t)data[7] << 24;
    return len >= FRAMES_HEAD && len <= left && frames_match(data, len, *maker, *number) ? len : 0;
}

uint32_t
frames_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 by Sebastiano Vigna (public domain) */
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32);
}
