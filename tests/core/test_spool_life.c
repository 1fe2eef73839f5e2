/* test_spool_life.c -- what a spool finds when it is opened again; forks; disks that are full. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"
#include "spools.h"

/* ---- opened again ---- */

static void
test_frames_are_found_again(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = open_spool(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 55; i++) {
        CHECK_INT(put(s, 100 + i), HK_OK);
    }
    CHECK_SIZE(hk_spool_take(s, 510).frames, 5);
    hk_spool_acknowledge(s, 104); /* all but the last: what is under way was not sent */
    hk_spool_free(s);
    CHECK_SIZE(files_in(directory, "next"), 0);

    s = open_spool(directory, 20000);
    hk_ring_stats stats = stats_of(s);
    CHECK_SIZE(stats.recovered, 51);
    CHECK_SIZE(stats.queued, 51);
    CHECK_SIZE(stats.dropped[CORRUPT], 0);
    CHECK_INT(flush(s, 0), HK_RING_PENDING); /* covers them */
    CHECK_INT(put(s, 100), HK_OK);
    for (unsigned n = 4; n < 56;) {
        const hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
        if (!CHECK(batch.frames > 0 && holds(&batch, n, batch.frames))) {
            break;
        }
        n += (unsigned)batch.frames;
        hk_spool_acknowledge(s, 0);
    }
    stats = stats_of(s);
    CHECK_SIZE(stats.sent, 52);
    CHECK_SIZE(stats.offered, 1);
    CHECK_SIZE(stats.resent, 0);
    CHECK_INT(flush(s, 0), HK_RING_FLUSHED);
    hk_spool_free(s);
    CHECK_SIZE(files_in(directory, ""), 0); /* nothing is left behind */
    remove_directory(directory);
}

/* As a directory that is adopted: nothing is taken in, all is sent, no file is made. */
static void
test_closed_at_once_it_is_drained(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = open_spool(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 30; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    hk_spool_free(s);
    s = open_spool(directory, 20000);
    hk_spool_close(s);
    for (unsigned n = 0; hk_spool_wait(s, 1000, -1) == HK_RING_READY;) {
        const hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
        if (!CHECK(batch.frames > 0 && holds(&batch, n, batch.frames))) {
            break;
        }
        n += (unsigned)batch.frames;
        CHECK(files_in(directory, "0") <= 3);
        hk_spool_acknowledge(s, 0);
    }
    CHECK_SIZE(stats_of(s).sent, 30);
    CHECK_SIZE(files_in(directory, "0"), 0);
    hk_spool_free(s);
    CHECK_SIZE(files_in(directory, ""), 0);
    remove_directory(directory);
}

/* More than the capacity was found: it is kept, and nothing is added. */
static void
test_smaller_than_before(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = open_spool(directory, 20000);
    size_t dropped;
    made = 0;
    for (size_t i = 0; i < 50; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    hk_spool_free(s);
    s = open_spool(directory, 1000);
    CHECK_SIZE(stats_of(s).queued, 50);
    CHECK_INT(put(s, 100), HK_ERR_FULL);
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 50); /* ten in each, and the last has to go too: 1000 are full */
    CHECK_INT(put(s, 100), HK_OK);
    hk_spool_free(s);
    s = open_spool(directory, 1000);
    CHECK(takes(s, 50, 1)); /* what was dropped does not come again */
    CHECK_SIZE(stats_of(s).recovered, 1);
    hk_spool_free(s);
    remove_directory(directory);
}

/* Garbage between frames, and behind them: skipped, counted, and the frames around it are there. */
static void
test_damage_is_cut_and_counted(void)
{
    const char *directory = fresh_directory();
    char path[300];
    uint8_t garbage[150];
    hk_spool *s = open_spool(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 25; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    hk_spool_free(s);
    memset(garbage, 0x1e, sizeof garbage);
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 10);
    int fd = open(path, O_RDWR);
    CHECK_INT(pwrite(fd, garbage, 150, 225), 150); /* frames 12 and 13 */
    CHECK_INT(pwrite(fd, garbage, 110, 901), 110); /* frame 19, and behind it */
    (void)close(fd);
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 20);
    CHECK_INT(truncate(path, 450), 0); /* frame 24 */

    for (unsigned again = 0; again < 2; again++) { /* the second time what was cut is gone */
        s = open_spool(directory, 20000);
        const hk_ring_stats stats = stats_of(s);
        CHECK_SIZE(stats.queued, 21);
        CHECK_SIZE(stats.dropped[CORRUPT], again == 0 ? 3 : 1);
        CHECK_SIZE(stats.recovered, again == 0 ? 24 : 22);
        hk_spool_free(s);
    }
    s = open_spool(directory, 20000);
    CHECK(takes(s, 0, 10));
    hk_spool_rewind(s, 0);
    CHECK(takes(s, 0, 10));
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 10, 2));
    hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 14, 5));
    hk_spool_rewind(s, 0); /* over the hole again */
    CHECK(takes(s, 10, 2));
    batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 14, 5));
    hk_spool_acknowledge(s, 0);
    batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 20, 4));
    hk_spool_free(s);
    remove_directory(directory);
}

/* Files change under a spool that is open: what was a frame is none. */
static void
test_damage_while_it_is_open(void)
{
    const char *directory = fresh_directory();
    char path[300];
    hk_spool *s = open_spool(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 25; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    CHECK(takes(s, 0, 10));
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 10);
    int fd = open(path, O_RDWR);
    CHECK_INT(pwrite(fd, "abc", 3, 500), 3); /* frame 15 */
    (void)close(fd);
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 10, 5));
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 20, 5));
    CHECK_SIZE(stats_of(s).dropped[CORRUPT], 5);
    hk_spool_acknowledge(s, 0);
    CHECK_SIZE(stats_of(s).queued, 0);

    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(put(s, 90), HK_OK);
    }
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 20);
    fd = open(path, O_RDWR); /* one frame becomes many, many become one */
    for (off_t at = 500; at < 590; at += 30) {
        CHECK_INT(pwrite(fd, small_frame, sizeof small_frame, at), (ssize_t)sizeof small_frame);
    }
    (void)close(fd);
    for (size_t i = 0; i < 10; i++) {
        (void)hk_spool_take(s, SIZE_MAX);
        hk_spool_acknowledge(s, 0);
    }
    CHECK_SIZE(stats_of(s).queued, 0);
    CHECK_INT(put(s, 90), HK_OK);
    CHECK(takes(s, 30, 1));
    hk_spool_free(s);
    remove_directory(directory);
}

static void
test_sync(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = open_spool(directory, 20000);
    made = 0;
    CHECK_INT(hk_spool_sync(s, NULL), HK_OK);
    for (size_t i = 0; i < 25; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    CHECK_INT(hk_spool_sync(s, NULL), HK_OK);
    CHECK(takes(s, 0, 10));
    hk_spool_acknowledge(s, 0);
    CHECK_INT(hk_spool_sync(s, NULL), HK_OK);
    hk_spool_free(s);
    remove_directory(directory);
}

/* ---- what the system refuses ---- */

static void
test_settings_that_cannot_work(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = NULL;
    hk_error err;
    const hk_spool_settings good = settings_of(4000);
    hk_spool_settings bad[] = {good, good, good, good, good, good, good};
    bad[0].frame_max = 0;
    bad[1].frame_max = HK_RING_FRAME_MAX + 1;
    bad[2].window = LARGEST - 1;
    bad[3].window = SIZE_MAX;
    bad[4].capacity = LARGEST - 1;
    bad[5].segment = LARGEST - 1;
    bad[6].segment = HK_SPOOL_SEGMENT_LIMIT + 1;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(hk_spool_open(directory, &bad[i], &s, &err), HK_ERR_ARGUMENT);
        CHECK(strstr(err.text, "raise them") != NULL && s == NULL);
    }
    CHECK_SIZE(files_in(directory, ""), 0);
    remove_directory(directory);
}

static void
test_directory_that_cannot_be_used(void)
{
    const hk_spool_settings settings = settings_of(4000);
    const char *directory = fresh_directory();
    hk_spool *s = NULL;
    hk_error err;
    char path[300];
    CHECK_INT(hk_spool_open("/nowhere/at/all", &settings, &s, &err), HK_ERR_SYSTEM);
    CHECK(strstr(err.text, "/nowhere/at/all") != NULL);
    CHECK(strstr(err.text, strerror(ENOENT)) != NULL);
    CHECK_SIZE(err.offset, ENOENT);
    (void)snprintf(path, sizeof path, "%s/cursor", directory);
    CHECK_INT(mkdir(path, 0700), 0); /* root may write what is not writable */
    CHECK_INT(hk_spool_open(directory, &settings, &s, &err), HK_ERR_SYSTEM);
    CHECK_SIZE(err.offset, EISDIR);
    CHECK_INT(rmdir(path), 0);
    if (geteuid() != 0) {
        CHECK_INT(chmod(directory, 0500), 0);
        CHECK_INT(hk_spool_open(directory, &settings, &s, &err), HK_ERR_SYSTEM);
        CHECK_SIZE(err.offset, EACCES);
        CHECK_INT(chmod(directory, 0700), 0);
    }
    CHECK(s == NULL);
    hk_spool_free(s);
    remove_directory(directory);
}

/* Puts until nothing goes any more: the spool of `capacity` is far from full, the disk is. */
static void
fill_the_disk(const char *directory, size_t capacity)
{
    hk_spool_settings settings = settings_of(capacity);
    hk_spool *s = NULL;
    size_t dropped;
    uint8_t frame[LARGEST];
    settings.segment = 64u * 1024;
    if (!CHECK_INT(hk_spool_open(directory, &settings, &s, NULL), HK_OK)) {
        return;
    }
    unsigned number = 0;
    hk_status status;
    do {
        spools_write(frame, LARGEST, 1, number);
        status = hk_spool_put(s, frame, LARGEST);
        number += status == HK_OK;
    } while (status == HK_OK && number < 100000);
    CHECK_INT(status, HK_ERR_FULL);
    CHECK(number * LARGEST < capacity / 2);
    CHECK_INT(hk_spool_wait_room(s, LARGEST, 5 * MS), HK_ERR_FULL);
    CHECK_SIZE(stats_of(s).queued, number);
    CHECK_INT(hk_spool_drop_oldest(s, LARGEST, REASON, &dropped), HK_OK); /* that makes room */
    CHECK(dropped > 0);
    CHECK_INT(hk_spool_wait_room(s, LARGEST, 1000 * MS), HK_OK);
    CHECK_INT(hk_spool_put(s, frame, LARGEST), HK_OK);
    CHECK(takes(s, (unsigned)dropped, 2));
    hk_spool_acknowledge(s, 0);
    hk_spool_free(s);
    CHECK_INT(hk_spool_open(directory, &settings, &s, NULL), HK_OK);
    CHECK_SIZE(stats_of(s).recovered, number + 1 - dropped - 2);
    CHECK_SIZE(stats_of(s).dropped[CORRUPT], 0);
    hk_spool_free(s);
}

static void
in_child(void (*work)(void *arg), void *arg)
{
    int status = -1;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        check_failed = 0;
        work(arg);
        (void)fflush(stdout);
        _exit(check_failed == 0 ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
}

static void
fill_a_small_disk(void *arg)
{
    const char *directory = fresh_directory();
    (void)arg;
    if (mount("spool", directory, "tmpfs", 0, "size=1m") == 0) { /* root only */
        fill_the_disk(directory, 16u << 20);
        (void)umount(directory);
    }
    remove_directory(directory);
}

static void
write_over_the_limit(void *arg)
{
    const char *directory = fresh_directory();
    hk_spool_settings settings = settings_of(1u << 20);
    hk_spool *s = NULL;
    (void)arg;
    settings.segment = 64u * 1024;
    (void)signal(SIGXFSZ, SIG_IGN); /* as Python does */
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &(struct rlimit){32u * 1024, 32u * 1024}), 0);
    CHECK_INT(hk_spool_open(directory, &settings, &s, NULL), HK_OK);
    made = 0;
    CHECK_INT(put(s, 100), HK_ERR_FULL);
    CHECK_INT(put(s, 100), HK_ERR_FULL);
    CHECK_INT(hk_spool_wait_room(s, 100, 5 * MS), HK_ERR_FULL);
    CHECK_SIZE(stats_of(s).queued, 0);
    CHECK_SIZE(files_in(directory, "0"), 0);
    hk_spool_free(s);
    CHECK_SIZE(files_in(directory, ""), 0);
    remove_directory(directory);
}

/* ---- forks ---- */

static void
use_in_child(void *spool)
{
    hk_spool *s = spool;
    hk_ring_goal goal;
    size_t dropped;
    const hk_ring_stats stats = stats_of(s);
    CHECK_SIZE(stats.offered, 0);
    CHECK_SIZE(stats.high_water, 0);
    CHECK_SIZE(hk_spool_take(s, SIZE_MAX).frames, 0);
    CHECK_INT(put(s, 100), HK_ERR_CLOSED);
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(hk_spool_drop_all(s, REASON), 0);
    CHECK_SIZE(hk_spool_drop_in_flight(s, REASON), 0);
    hk_spool_acknowledge(s, 0);
    hk_spool_rewind(s, 0);
    hk_spool_refuse(s, REASON);
    CHECK_SIZE(stats_of(s).offered, 1);
    CHECK_INT(hk_spool_sync(s, NULL), HK_OK);
    CHECK_INT(hk_spool_wait(s, 0, -1), HK_RING_DRAINED);
    hk_spool_set_goal(s, &goal);
    CHECK_INT(hk_spool_flush(s, &goal, -1), HK_RING_FLUSHED);
    hk_spool_free(s); /* and no file of the parent's goes with it */
}

static void
test_forked_child_leaves_the_files_alone(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = open_spool(directory, 20000);
    hk_ring_goal goal;
    made = 0;
    for (size_t i = 0; i < 25; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    CHECK(takes(s, 0, 10));
    hk_spool_set_goal(s, &goal);
    const size_t files = files_in(directory, "");
    in_child(use_in_child, s);
    CHECK_SIZE(files_in(directory, ""), files);
    CHECK_SIZE(stats_of(s).queued, 25);
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 10, 10));
    hk_spool_free(s);
    s = open_spool(directory, 20000);
    CHECK_SIZE(stats_of(s).recovered, 15);
    hk_spool_free(s);
    remove_directory(directory);
}

/* Removed files hold no room in a child that lives on: it has no map of them, and no descriptor. */
static void
hold_nothing(void *path)
{
    char line[600];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        CHECK(strstr(line, path) == NULL);
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
}

static void
test_child_maps_no_file(void)
{
    const char *directory = fresh_directory();
    hk_spool *s = open_spool(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 25; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    in_child(hold_nothing, (void *)(uintptr_t)directory);
    hk_spool_free(s);
    remove_directory(directory);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    test_frames_are_found_again();
    test_closed_at_once_it_is_drained();
    test_smaller_than_before();
    test_damage_is_cut_and_counted();
    test_damage_while_it_is_open();
    test_sync();
    test_settings_that_cannot_work();
    test_directory_that_cannot_be_used();
    in_child(fill_a_small_disk, NULL);
    in_child(write_over_the_limit, NULL);
    test_forked_child_leaves_the_files_alone();
    test_child_maps_no_file();
    return check_report();
}
