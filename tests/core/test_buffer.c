/* test_buffer.c -- growth from the caller's block to the heap, the limit, consuming. */
#include "core/base/hk_buffer.h"

#include <stdlib.h>

#include "check.h"

/* Byte i of what the tests write. */
static uint8_t
byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static bool
holds(const hk_buffer *buf, size_t from, size_t len)
{
    if (buf->len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (buf->data[i] != byte_at(from + i)) {
            return false;
        }
    }
    return true;
}

static hk_status
append_next(hk_buffer *buf, size_t from, size_t len)
{
    uint8_t *data = malloc(len > 0 ? len : 1);
    for (size_t i = 0; i < len; i++) {
        data[i] = byte_at(from + i);
    }
    const hk_status status = hk_buffer_append(buf, data, len);
    free(data);
    return status;
}

static void
test_moves_from_the_block_to_the_heap(void)
{
    uint8_t block[16];
    hk_buffer buf;
    hk_buffer_init(&buf, block, sizeof block, 4096);

    CHECK_INT(append_next(&buf, 0, 16), HK_OK);
    CHECK(buf.data == block);
    CHECK_INT(append_next(&buf, 16, 1), HK_OK);
    CHECK(buf.data != block);
    CHECK(holds(&buf, 0, 17));
    hk_buffer_clear(&buf);
    CHECK(buf.data == NULL && buf.len == 0 && buf.cap == 0);
    hk_buffer_clear(&buf);
}

static void
test_every_size_keeps_its_contents(void)
{
    for (size_t step = 1; step < 300; step += 7) {
        uint8_t block[40];
        hk_buffer buf;
        hk_buffer_init(&buf, block, sizeof block, 100000);
        size_t len = 0;
        for (int i = 0; i < 40; i++, len += step) {
            CHECK_INT(append_next(&buf, len, step), HK_OK);
        }
        CHECK(holds(&buf, 0, len));
        hk_buffer_clear(&buf);
    }
}

/* The first byte past the limit is refused, whatever the growth, the block or the steps. */
static void
test_limit_is_exact(void)
{
    const size_t limits[] = {0, 1, 15, 16, 17, 100, 127, 128, 255, 256, 257, 300, 5000};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const size_t blocks[] = {0, 1, 16, 64};
        for (size_t j = 0; j < sizeof blocks / sizeof blocks[0]; j++) {
            uint8_t block[64];
            hk_buffer buf;
            hk_buffer_init(&buf, blocks[j] > 0 ? block : NULL, blocks[j], limits[i]);
            size_t len = 0;
            while (len <= limits[i] && append_next(&buf, len, 1) == HK_OK) {
                len++;
            }
            CHECK_SIZE(len, limits[i]);
            CHECK_INT(append_next(&buf, 0, 1), HK_ERR_TOO_BIG);
            CHECK_INT(hk_buffer_room(&buf, SIZE_MAX), HK_ERR_TOO_BIG);
            CHECK_INT(append_next(&buf, 0, 0), HK_OK);
            CHECK(holds(&buf, 0, limits[i]));
            hk_buffer_clear(&buf);
        }
    }
}

static void
test_nothing_can_be_appended(void)
{
    hk_buffer buf;
    hk_buffer_init(&buf, NULL, 0, 10);
    CHECK_INT(hk_buffer_append(&buf, NULL, 0), HK_OK);
    CHECK_SIZE(buf.len, 0);
    hk_buffer_consume(&buf, 0);
    hk_buffer_clear(&buf);
}

static void
test_consume_drops_the_front(void)
{
    for (size_t n = 0; n <= 20; n++) {
        hk_buffer buf;
        hk_buffer_init(&buf, NULL, 0, 1000);
        CHECK_INT(append_next(&buf, 0, 20), HK_OK);
        hk_buffer_consume(&buf, n);
        CHECK(holds(&buf, n, 20 - n));
        CHECK_INT(append_next(&buf, 20, 5), HK_OK);
        CHECK(holds(&buf, n, 25 - n));
        hk_buffer_clear(&buf);
    }
}

int
main(void)
{
    test_moves_from_the_block_to_the_heap();
    test_every_size_keeps_its_contents();
    test_limit_is_exact();
    test_nothing_can_be_appended();
    test_consume_drops_the_front();
    return check_report();
}
