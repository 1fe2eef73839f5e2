/* test_journal.c -- segments that begin, end, are prepared, removed and found again. */
#include "core/queue/hk_journal.h"

#include <errno.h>

#include "check.h"
#include "queues.h"

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

static int refusal; /* errno of fallocate; 0: none */

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
    if (refusal != 0) {
        errno = refusal;
        return -1;
    }
    return __real_fallocate(fd, mode, offset, len);
}

static const char *directory;
static size_t frames_found;
static size_t bytes_found;
static size_t cut_found;

static hk_journal
open_journal(void)
{
    hk_journal j;
    hk_error err = {.text = ""};
    if (!CHECK_INT(hk_journal_open(directory, SEGMENT, true, false, &j, &frames_found, &bytes_found,
                                   &cut_found, &err),
                   HK_OK)) {
        printf("  %s\n", err.text);
        exit(check_report());
    }
    return j;
}

static hk_status
append(hk_journal *j, unsigned count)
{
    uint8_t frame[LARGEST];
    hk_status status = HK_OK;
    for (unsigned i = 0; i < count && status == HK_OK; i++) {
        heka_frame_write(frame, 100, 1, (unsigned)j->number);
        status = hk_journal_append(j, frame, 100);
    }
    return status;
}

/* As when all that was taken has arrived: the three places are one. */
static hk_segment *
acknowledge(hk_journal *j, size_t at, uint64_t frame)
{
    (void)hk_journal_settle(j, &j->first);
    j->first.at = at;
    j->next = j->taken = j->first;
    return hk_journal_acknowledge(j, frame);
}

static bool
exists(const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static off_t
size_of(const char *name)
{
    char path[300];
    struct stat now;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &now) == 0 ? now.st_size : -1;
}

static void
test_segments_are_named_by_their_first_frame(void)
{
    hk_journal j = open_journal();
    CHECK(j.oldest == NULL);
    CHECK_INT(append(&j, 25), HK_OK);
    CHECK(exists("00000000000000000000.heka") && exists("00000000000000000010.heka") &&
          exists("00000000000000000020.heka"));
    CHECK_SIZE(files_in(directory, ""), 4);
    hk_journal_close(&j, false);
    CHECK_INT(size_of("00000000000000000020.heka"), 500); /* cut to its end */
    j = open_journal();
    CHECK_SIZE(frames_found, 25);
    CHECK_SIZE(bytes_found, 2500);
    CHECK_SIZE(j.number, 25);
    CHECK_INT(append(&j, 1), HK_OK); /* never to a file that was there */
    CHECK(exists("00000000000000000025.heka"));
    hk_journal_close(&j, true);
    CHECK_SIZE(files_in(directory, ""), 0);
}

static void
test_places_move_on(void)
{
    hk_journal j = open_journal();
    hk_place place = {NULL, 0};
    CHECK(!hk_journal_settle(&j, &place));
    CHECK_INT(append(&j, 15), HK_OK);
    CHECK(hk_journal_settle(&j, &place));
    CHECK(place.segment == j.oldest && place.at == 0);
    CHECK(!hk_journal_settle(&j, &place));
    place.at = 1000;
    CHECK(hk_journal_settle(&j, &place));
    CHECK(place.segment == j.newest && place.at == 0);
    place.at = 500; /* the end of all */
    CHECK(!hk_journal_settle(&j, &place));
    hk_journal_close(&j, true);
}

static void
test_acknowledged_segments_are_handed_over(void)
{
    hk_journal j = open_journal();
    CHECK_INT(append(&j, 25), HK_OK);
    CHECK(acknowledge(&j, 900, 9) == NULL);
    hk_segment *done = acknowledge(&j, 1000, 10);
    CHECK(done != NULL && done->number == 0 && done->next == NULL);
    hk_journal_discard(j.directory, done);
    CHECK(!exists("00000000000000000000.heka"));
    CHECK(acknowledge(&j, 400, 14) == NULL);
    hk_journal_close(&j, false);
    j = open_journal();
    CHECK_SIZE(frames_found, 11);
    (void)hk_journal_settle(&j, &j.first);
    CHECK(j.first.segment->number == 10 && j.first.at == 400);
    j.first = (hk_place){j.newest, 0}; /* all, and nobody appends to it any more */
    done = acknowledge(&j, j.newest->end, 25);
    CHECK(done != NULL && done->next != NULL && done->next->next == NULL);
    CHECK(j.oldest == NULL && j.newest == NULL && j.first.segment == NULL);
    hk_journal_discard(-1, done); /* as if the process ended before */
    hk_journal_close(&j, false);
    j = open_journal();
    CHECK_SIZE(frames_found, 0);
    CHECK_SIZE(files_in(directory, "0"), 0);
    CHECK_SIZE(j.number, 25); /* numbers are never used again */
    hk_journal_close(&j, true);
}

static void
test_removing_moves_the_places(void)
{
    hk_journal j = open_journal();
    CHECK_INT(append(&j, 25), HK_OK);
    hk_segment *first = j.oldest;
    hk_segment *second = first->next;
    j.first = (hk_place){first, 0};
    j.next = (hk_place){first, 500};
    j.taken = (hk_place){second, 0};
    first->taken = 10;
    CHECK(hk_journal_waiting(&j) == second);
    hk_journal_remove(&j, second);
    hk_journal_discard(j.directory, second);
    CHECK(j.taken.segment == first && j.taken.at == 1000);
    CHECK(hk_journal_waiting(&j) == j.newest);
    hk_segment *newest = j.newest;
    hk_journal_remove(&j, newest);
    hk_journal_discard(j.directory, newest);
    CHECK(j.newest == first && hk_journal_waiting(&j) == NULL);
    CHECK_INT(append(&j, 1), HK_OK);
    CHECK(hk_journal_settle(&j, &j.taken) && j.taken.segment == j.newest);
    CHECK(exists("00000000000000000025.heka"));
    hk_journal_close(&j, true);
}

static void
test_prepared_segment_is_used(void)
{
    hk_journal j = open_journal();
    CHECK_INT(append(&j, 5), HK_OK);
    CHECK(!hk_journal_has_chores(&j));
    CHECK_INT(append(&j, 1), HK_OK);
    CHECK(hk_journal_has_chores(&j)); /* more than half of it is used */
    hk_chores chores = hk_journal_ask_chores(&j);
    CHECK(chores.prepare && !chores.cut);
    CHECK(!hk_journal_has_chores(&j)); /* it is being made */
    hk_journal_do_chores(&j, &chores);
    CHECK(exists(HK_JOURNAL_SPARE));
    hk_journal_end_chores(&j, &chores);
    refusal = ENOSPC;
    CHECK_INT(append(&j, 5), HK_OK);
    CHECK(!exists(HK_JOURNAL_SPARE) && exists("00000000000000000010.heka"));
    CHECK_INT(append(&j, 10), HK_ERR_FULL);
    CHECK_SIZE(j.number, 20);
    CHECK(!hk_journal_has_room(&j, 100));
    refusal = 0;
    CHECK_INT(append(&j, 1), HK_ERR_FULL); /* for a while nobody asks again */
    j.retry_at = 0;
    CHECK_INT(append(&j, 1), HK_OK);
    hk_journal_close(&j, false);
    CHECK(!exists(HK_JOURNAL_SPARE));
    j = open_journal();
    CHECK_SIZE(frames_found, 21);
    hk_journal_close(&j, true);
}

static void
test_ended_segments_are_cut(void)
{
    hk_journal j = open_journal();
    uint8_t frame[LARGEST];
    CHECK_INT(append(&j, 8), HK_OK);
    heka_frame_write(frame, 300, 1, 8);
    CHECK_INT(hk_journal_append(&j, frame, 300), HK_OK);
    CHECK_INT(size_of("00000000000000000000.heka"), SEGMENT);
    CHECK_SIZE(j.uncut, 1);
    hk_chores chores = hk_journal_ask_chores(&j);
    CHECK(chores.cut);
    hk_journal_do_chores(&j, &chores);
    hk_journal_end_chores(&j, &chores);
    CHECK_INT(size_of("00000000000000000000.heka"), 800);
    CHECK_SIZE(j.uncut, 0);
    hk_journal_close(&j, true);
}

static void
test_what_is_not_written_out(void)
{
    hk_journal j = open_journal();
    char name[HK_SEGMENT_NAME];
    uint64_t next = 0;
    CHECK_INT(append(&j, 25), HK_OK);
    CHECK(hk_journal_next_unsynced(&j, next, 20, name, &next));
    CHECK_TEXT(name, "00000000000000000000.heka");
    CHECK(hk_journal_next_unsynced(&j, next, 20, name, &next));
    CHECK_TEXT(name, "00000000000000000010.heka");
    CHECK(!hk_journal_next_unsynced(&j, next, 20, name, &next));
    CHECK(hk_journal_next_unsynced(&j, 0, 25, name, &next));
    CHECK_TEXT(name, "00000000000000000020.heka");
    CHECK(!hk_journal_next_unsynced(&j, 0, 25, name, &next));
    CHECK_INT(append(&j, 1), HK_OK);
    CHECK(hk_journal_next_unsynced(&j, 0, 26, name, &next));
    hk_journal_close(&j, true);
}

/* Where nothing can be reserved, all is the same but for the way a frame is written. */
static void
test_without_reserving(void)
{
    refusal = EOPNOTSUPP;
    hk_journal j = open_journal();
    CHECK_INT(append(&j, 25), HK_OK);
    CHECK(j.newest->fd >= 0 && j.oldest->fd >= 0);
    CHECK(acknowledge(&j, 300, 3) == NULL);
    hk_journal_close(&j, false);
    CHECK_INT(size_of("00000000000000000020.heka"), 500);
    j = open_journal();
    CHECK_SIZE(frames_found, 22);
    CHECK_INT(append(&j, 1), HK_OK);
    hk_journal_close(&j, true);
    refusal = 0;
}

static void
test_strange_files_stay(void)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/README", directory);
    (void)close(open(path, O_CREAT | O_WRONLY, 0600));
    hk_journal j = open_journal();
    CHECK_INT(append(&j, 1), HK_OK);
    hk_journal_close(&j, true);
    CHECK(exists("README"));
    CHECK_SIZE(files_in(directory, ""), 1);
    CHECK_INT(unlink(path), 0);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    directory = fresh_directory();
    test_segments_are_named_by_their_first_frame();
    test_places_move_on();
    test_acknowledged_segments_are_handed_over();
    test_removing_moves_the_places();
    test_prepared_segment_is_used();
    test_ended_segments_are_cut();
    test_what_is_not_written_out();
    test_without_reserving();
    test_strange_files_stay();
    remove_directory(directory);
    return check_report();
}
