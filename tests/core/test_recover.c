/* test_recover.c -- which segments a directory has, and what they lack by the marks of the cursor.
 */
#include "core/queue/hk_recover.h"

#include <fcntl.h>

#include "check.h"
#include "queues.h"

static int
open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
make_file(int directory, const char *name, off_t size)
{
    const int fd = openat(directory, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(ftruncate(fd, size), 0);
    (void)close(fd);
}

static void
test_segments_are_listed_in_order(const char *path)
{
    char name[HK_SEGMENT_NAME];
    uint64_t *numbers;
    size_t count;
    hk_error err;
    const int directory = open_directory(path);
    CHECK_INT(hk_recover_list(directory, &numbers, &count, &err), HK_OK);
    CHECK_SIZE(count, 0);
    free(numbers);
    for (unsigned i = 0; i < 40; i++) { /* more than are allocated at first; none in order */
        hk_segment_name(i * 17 % 40 * 1000, name);
        make_file(directory, name, 0);
    }
    make_file(directory, "cursor", 100);
    make_file(directory, "next", 100);
    make_file(directory, "123.heka", 100); /* no name of ours */
    CHECK_INT(hk_recover_list(directory, &numbers, &count, &err), HK_OK);
    CHECK_SIZE(count, 40);
    for (size_t i = 0; i < count; i++) {
        CHECK_SIZE(numbers[i], i * 1000);
    }
    free(numbers);
    (void)close(directory);
    CHECK_INT(hk_recover_list(directory, &numbers, &count, &err), HK_ERR_SYSTEM);
}

static void
test_missing_frames_are_those_of_the_cursor(void)
{
    const hk_mark end = {.frame = 130, .segment = 100, .offset = 30 * 100};
    const hk_mark none = {.frame = 0, .segment = 0, .offset = 0};
    const hk_mark ten = {.frame = 110, .segment = 100, .offset = 10 * 100};
    CHECK_SIZE(hk_recover_missing(&end, &none, 100, 30), 0);
    CHECK_SIZE(hk_recover_missing(&end, &none, 100, 12), 18);
    CHECK_SIZE(hk_recover_missing(&end, &none, 100, 31), 0);
    CHECK_SIZE(hk_recover_missing(&end, &ten, 100, 12), 8); /* ten are acknowledged */
    CHECK_SIZE(hk_recover_missing(&end, &none, 200, 0), 0); /* another segment */
}

/* The cursor's marks come from a file. */
static void
test_forged_marks_name_no_frames(void)
{
    const hk_mark none = {.frame = 0, .segment = 0, .offset = 0};
    const hk_mark crowded = {.frame = 1000, .segment = 100, .offset = 10}; /* 900 in ten bytes */
    const hk_mark large = {.frame = 130, .segment = 100, .offset = UINT64_MAX};
    const hk_mark behind = {.frame = 99, .segment = 100, .offset = 3000};
    const hk_mark huge = {.frame = UINT64_MAX, .segment = 100, .offset = 3000};
    CHECK_SIZE(hk_recover_missing(&crowded, &none, 100, 0), 0);
    CHECK_SIZE(hk_recover_missing(&large, &none, 100, 0), 0);
    CHECK_SIZE(hk_recover_missing(&behind, &none, 100, 0), 0);
    CHECK_SIZE(hk_recover_missing(&huge, &none, 100, 0), 0);
}

static void
test_a_short_file_is_a_regular_one(const char *path)
{
    char name[HK_SEGMENT_NAME];
    const int directory = open_directory(path);
    hk_segment_name(7, name);
    make_file(directory, name, 500);
    CHECK(hk_recover_is_short(directory, 7, 500));
    CHECK(!hk_recover_is_short(directory, 7, 499));
    CHECK(!hk_recover_is_short(directory, 8, 500)); /* is not there */
    CHECK_INT(unlinkat(directory, name, 0), 0);
    CHECK_INT(symlinkat("cursor", directory, name), 0);
    CHECK(!hk_recover_is_short(directory, 7, 500));
    (void)close(directory);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    on_disk(test_segments_are_listed_in_order);
    test_missing_frames_are_those_of_the_cursor();
    test_forged_marks_name_no_frames();
    on_disk(test_a_short_file_is_a_regular_one);
    return check_report();
}
