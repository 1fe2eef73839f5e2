/* test_cursor.c -- marks that survive, torn marks, rotten files; where nothing can be reserved. */
#include "core/queue/hk_cursor.h"

#include <errno.h>

#include "check.h"
#include "heka_frames.h"

/* ---- file systems that cannot reserve: the linker hands this call to us ---- */

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

static int refusal; /* errno; 0: none */

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
    if (refusal != 0) {
        errno = refusal;
        return -1;
    }
    return __real_fallocate(fd, mode, offset, len);
}

static bool mapped = true; /* where that is possible */

/* ---- marks ---- */

static hk_cursor
open_cursor(int directory)
{
    hk_cursor c;
    hk_error err = {.text = ""};
    CHECK_INT(hk_cursor_open(directory, mapped, &c, &err), HK_OK);
    return c;
}

static bool
reads(const hk_cursor *c, hk_cursor_mark which, uint64_t frame)
{
    hk_mark mark = {0, 0, 0};
    return hk_cursor_read(c, which, &mark) && mark.frame == frame && mark.segment == frame / 10 &&
           mark.offset == frame % 10;
}

static void
move(hk_cursor *c, hk_cursor_mark which, uint64_t frame)
{
    hk_cursor_move(c, which, (hk_mark){frame, frame / 10, frame % 10});
}

static void
test_marks_survive(int directory)
{
    hk_mark mark;
    hk_cursor c = open_cursor(directory);
    CHECK((c.map == NULL) == (refusal != 0 || !mapped));
    CHECK(!hk_cursor_read(&c, HK_CURSOR_END, &mark)); /* a new one has none */
    CHECK(!hk_cursor_read(&c, HK_CURSOR_ACKNOWLEDGED, &mark));
    for (uint64_t frame = 1; frame < 40; frame++) {
        move(&c, HK_CURSOR_END, frame);
        CHECK(reads(&c, HK_CURSOR_END, frame));
        if (frame % 3 == 0) {
            move(&c, HK_CURSOR_ACKNOWLEDGED, frame / 3);
        }
        if (frame % 5 == 0) {
            hk_cursor_close(&c);
            c = open_cursor(directory);
            CHECK(reads(&c, HK_CURSOR_END, frame));
        }
        if (frame >= 3) {
            CHECK(reads(&c, HK_CURSOR_ACKNOWLEDGED, frame / 3));
        }
    }
    CHECK_INT(hk_cursor_sync(directory, NULL), HK_OK);
    hk_cursor_close(&c);
    CHECK_INT(unlinkat(directory, HK_CURSOR_FILE, 0), 0);
}

/* Whatever bit is another one: a mark is the newest or the one before, and nothing else. */
static void
test_every_bit_may_rot(int directory)
{
    uint8_t good[HK_CURSOR_SIZE];
    hk_cursor c = open_cursor(directory);
    for (uint64_t frame = 97; frame < 100; frame++) {
        move(&c, HK_CURSOR_END, frame);
        move(&c, HK_CURSOR_ACKNOWLEDGED, frame - 50);
    }
    hk_cursor_close(&c);
    int fd = openat(directory, HK_CURSOR_FILE, O_RDWR);
    CHECK_INT(read(fd, good, sizeof good), (ssize_t)sizeof good);
    size_t older = 0;
    for (size_t at = 0; at < 192; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            const uint8_t bad = (uint8_t)(good[at] ^ 1u << bit);
            CHECK_INT(pwrite(fd, &bad, 1, (off_t)at), 1);
            c = open_cursor(directory);
            const bool newest =
                reads(&c, HK_CURSOR_END, 99) && reads(&c, HK_CURSOR_ACKNOWLEDGED, 49);
            older += !newest;
            CHECK(newest ||
                  (reads(&c, HK_CURSOR_END, 98) && reads(&c, HK_CURSOR_ACKNOWLEDGED, 49)) ||
                  (reads(&c, HK_CURSOR_END, 99) && reads(&c, HK_CURSOR_ACKNOWLEDGED, 48)));
            hk_cursor_close(&c);
            CHECK_INT(pwrite(fd, &good[at], 1, (off_t)at), 1);
        }
    }
    CHECK_SIZE(older, 2 * 32 * 8); /* every bit of the newest two counts */
    (void)close(fd);
}

static void
test_file_that_is_no_cursor(int directory)
{
    hk_mark mark;
    uint8_t garbage[5000];
    memset(garbage, 0xa5, sizeof garbage);
    const int fd = openat(directory, HK_CURSOR_FILE, O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (size_t len = 0; len <= sizeof garbage; len += 625) {
        CHECK_INT(pwrite(fd, garbage, len, 0), (ssize_t)len);
        hk_cursor c = open_cursor(directory);
        CHECK(!hk_cursor_read(&c, HK_CURSOR_END, &mark));
        CHECK(!hk_cursor_read(&c, HK_CURSOR_ACKNOWLEDGED, &mark));
        move(&c, HK_CURSOR_END, 5);
        CHECK(reads(&c, HK_CURSOR_END, 5));
        hk_cursor_close(&c);
        CHECK_INT(ftruncate(fd, 0), 0);
    }
    (void)close(fd);
}

static void
test_full_disk(int directory)
{
    hk_cursor c;
    hk_error err;
    refusal = ENOSPC;
    CHECK_INT(hk_cursor_open(directory, true, &c, &err), HK_ERR_SYSTEM);
    CHECK_SIZE(err.offset, ENOSPC);
    refusal = 0;
}

static void
test_forgetting_touches_nothing(int directory)
{
    hk_cursor c = open_cursor(directory);
    hk_cursor copy = c;
    move(&c, HK_CURSOR_END, 7777);
    hk_cursor_forget(&copy);
    CHECK(copy.map == NULL && copy.fd == -1);
    CHECK(reads(&c, HK_CURSOR_END, 7777));
    hk_cursor_close(&c);
}

int
main(void)
{
    const char *path = fresh_directory();
    const int directory = open(path, O_RDONLY | O_DIRECTORY);
    test_marks_survive(directory);
    refusal = EOPNOTSUPP;
    test_marks_survive(directory);
    refusal = 0;
    mapped = false;
    test_marks_survive(directory);
    mapped = true;
    test_every_bit_may_rot(directory);
    test_file_that_is_no_cursor(directory);
    test_full_disk(directory);
    test_forgetting_touches_nothing(directory);
    (void)close(directory);
    remove_directory(path);
    return check_report();
}
