/* test_segment.c -- files of frames: written, opened again, torn, rotten; without reserving. */
#include "core/queue/hk_segment.h"

#include <errno.h>
#include <sys/mman.h>

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

static int directory;
static bool mapped = true; /* segments are, where that is possible */

/* ---- names and lengths ---- */

static void
test_names(void)
{
    static const char *const others[] = {"",
                                         "next",
                                         "cursor",
                                         "0.heka",
                                         "0000000000000000000.heka",
                                         "000000000000000000000.heka",
                                         "00000000000000000000.hek",
                                         "00000000000000000000.heka~",
                                         "0000000000000000000x.heka",
                                         "10000000000000000000.heka"};
    char name[HK_SEGMENT_NAME];
    uint64_t number;
    hk_segment_name(UINT64_C(9999999999999999999), name);
    CHECK_TEXT(name, "09999999999999999999.heka");
    CHECK(hk_segment_parse(name, &number) && number == UINT64_C(9999999999999999999));
    hk_segment_name(0, name);
    CHECK(hk_segment_parse(name, &number) && number == 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK(!hk_segment_parse(others[i], &number));
    }
}

/* The short way and the long one agree, and neither reads beyond what is there. */
static void
test_measure(void)
{
    for (size_t len = LEAST; len < 16000; len += len < 400 ? 1 : 997) {
        uint8_t *frame = malloc(len);
        heka_frame_write(frame, len, 1, 2);
        CHECK_SIZE(hk_segment_measure(frame, len), len);
        CHECK_SIZE(hk_segment_measure_any(frame, len), len);
        free(frame);
        for (size_t left = 0; left < len; left += left < 10 ? 1 : len / 3) {
            uint8_t *piece = malloc(left + (left == 0));
            uint8_t whole[16000];
            heka_frame_write(whole, len, 1, 2);
            memcpy(piece, whole, left);
            CHECK_SIZE(hk_segment_measure(piece, left), 0);
            free(piece);
        }
    }
}

static void
test_measures_agree_on_anything(void)
{
    uint64_t seed = 1;
    uint8_t data[64];
    for (size_t i = 0; i < 200000; i++) {
        memset(data, 0, sizeof data);
        data[0] = HK_RS;
        data[2] = 0x08;
        for (size_t k = 1; k < 8; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            const unsigned pick = (unsigned)(seed >> 40);
            static const uint8_t likely[] = {2, 3, 4, 0x08, 0x1f, 0x80, 0x81, 20, 0, 0xff};
            if (k != 2 || pick % 7 == 0) {
                data[k] = likely[pick / 8 % sizeof likely];
            }
        }
        const size_t left = (size_t)(seed >> 50) % sizeof data;
        if (!CHECK_SIZE(hk_segment_measure(data, left), hk_segment_measure_any(data, left))) {
            break;
        }
    }
}

/* ---- written, and opened again ---- */

#define FRAMES 8u

static hk_segment *
create(uint64_t number, size_t size)
{
    char name[HK_SEGMENT_NAME];
    hk_segment *s = NULL;
    hk_segment_name(number, name);
    CHECK_INT(hk_segment_create(directory, name, size, mapped, true, &s, NULL), HK_OK);
    return s;
}

static void
append(hk_segment *s, unsigned number)
{
    uint8_t frame[LARGEST];
    heka_frame_write(frame, 100, 1, number);
    CHECK_INT(hk_segment_append(s, frame, 100), HK_OK);
}

static off_t
size_of(const char *name)
{
    struct stat now;
    return fstatat(directory, name, &now, 0) == 0 ? now.st_size : -1;
}

static void
test_written_frames_are_found(void)
{
    const char *const name = "00000000000000000007.heka";
    hk_segment *s = create(7, 1000);
    size_t cut;
    for (unsigned i = 0; i < FRAMES; i++) {
        append(s, i);
    }
    CHECK(hk_segment_fits(s, 200));
    CHECK(!hk_segment_fits(s, 201));
    hk_segment_end(s);
    CHECK(!hk_segment_fits(s, 1));
    CHECK_INT(size_of(name), refusal != 0 || !mapped ? 800 : 1000);
    hk_segment_close(s);

    CHECK_INT(hk_segment_open(directory, 7, 100, 500, mapped, &s, &cut, NULL), HK_OK);
    if (CHECK(s != NULL)) {
        CHECK_SIZE(s->number, 7);
        CHECK_SIZE(s->frames, FRAMES - 1);
        CHECK_SIZE(s->begin, 100);
        CHECK_SIZE(s->end, 800);
        CHECK_SIZE(hk_segment_bytes(s), 700);
        CHECK(!hk_segment_fits(s, 1));
        hk_segment_close(s);
    }
    CHECK_SIZE(cut, 0); /* zeros are nothing */
    CHECK_INT(size_of(name), 800);
    CHECK_INT(hk_segment_open(directory, 7, 800, SIZE_MAX, mapped, &s, &cut, NULL), HK_OK);
    CHECK(s == NULL); /* all is acknowledged */
    CHECK_INT(unlinkat(directory, name, 0), 0);
}

static void
test_full_disk(void)
{
    hk_segment *s = NULL;
    hk_error err;
    refusal = ENOSPC;
    CHECK_INT(hk_segment_create(directory, "next", 1000, true, false, &s, &err), HK_ERR_SYSTEM);
    refusal = 0;
    CHECK_SIZE(err.offset, ENOSPC);
    CHECK(s == NULL);
    CHECK_INT(size_of("next"), -1);
}

static void
test_no_such_file(void)
{
    hk_segment *s = NULL;
    hk_error err;
    size_t cut;
    CHECK_INT(hk_segment_open(directory, 99, 0, 0, mapped, &s, &cut, &err), HK_ERR_SYSTEM);
    CHECK_SIZE(err.offset, ENOENT);
    CHECK_INT(mkdirat(directory, "00000000000000000099.heka", 0700), 0);
    CHECK_INT(hk_segment_open(directory, 99, 0, 0, mapped, &s, &cut, &err), HK_OK);
    CHECK(s == NULL);
    CHECK_INT(unlinkat(directory, "00000000000000000099.heka", AT_REMOVEDIR), 0);
}

/* ---- files that are not as they were ---- */

static uint8_t content[FRAMES * 100];

static void
write_segment(const uint8_t *data, size_t len)
{
    const int fd =
        openat(directory, "00000000000000000000.heka", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK_INT(write(fd, data, len), (ssize_t)len);
    (void)close(fd);
}

/* Reads the segment from there to its end. */
static size_t
read_from(const hk_segment *s, size_t at, uint8_t *to)
{
    const size_t len = s->end - at;
    CHECK((s->data != NULL) == mapped && (s->fd < 0) == mapped);
    if (s->data == NULL) {
        return hk_segment_read(directory, s, at, to, len);
    }
    CHECK_SIZE(hk_segment_look(directory, s), s->end);
    memcpy(to, s->data + at, len);
    return len;
}

/* Which frames are there, as a set of bits; none twice, in order, whole, holes between them. */
static unsigned
found(size_t known, size_t *cut)
{
    hk_segment *s = NULL;
    unsigned set = 0;
    size_t count = 0;
    unsigned maker;
    unsigned number;
    CHECK_INT(hk_segment_open(directory, 0, 0, known, mapped, &s, cut, NULL), HK_OK);
    if (s == NULL) {
        return 0;
    }
    for (size_t at = hk_segment_skip(s, s->begin); at < s->end; at = hk_segment_skip(s, at)) {
        uint8_t *data = malloc(s->end - at);
        CHECK_SIZE(read_from(s, at, data), s->end - at);
        const size_t len = hk_segment_measure(data, s->end - at);
        const size_t read = heka_frame_read(data, s->end - at, &maker, &number);
        free(data);
        if (!CHECK(len > 0)) {
            break;
        }
        if (read == len) {
            CHECK(set >> number == 0);
            set |= 1u << number;
        }
        at += len;
        count++;
    }
    CHECK_SIZE(s->frames, count);
    hk_segment_close(s);
    return set;
}

static const unsigned all = (1u << FRAMES) - 1;

static void
test_every_bit_may_rot(void)
{
    size_t cut;
    size_t seen = 0;
    for (size_t at = 0; at < sizeof content; at++) {
        const unsigned others = all & ~(1u << at / 100);
        for (unsigned bit = 0; bit < 8; bit++) {
            content[at] = (uint8_t)(content[at] ^ 1u << bit);
            write_segment(content, sizeof content);
            const unsigned set = found(SIZE_MAX, &cut);
            CHECK(set ==
                  others); /* of the rotten one no whole frame is left, the small one aside */
            CHECK(cut <= 2);
            seen += cut;
            content[at] = (uint8_t)(content[at] ^ 1u << bit);
        }
    }
    CHECK(seen > sizeof content); /* headers and lengths; not each bit of a payload */
}

static void
test_every_length(void)
{
    size_t cut;
    for (size_t len = 0; len <= sizeof content; len++) {
        write_segment(content, len);
        CHECK_SIZE(found(SIZE_MAX, &cut), (1u << len / 100) - 1);
        /* The small frame in the torn one's payload may be found where nothing better is known. */
        CHECK(cut <= 2);
        write_segment(content, len);
        CHECK_SIZE(found(0, &cut), (1u << len / 100) - 1);
        CHECK_SIZE(cut, len % 100 > 0);
    }
}

/* Behind the end that is known, nothing counts but what follows; in front of it, all. */
static void
test_known_end(void)
{
    size_t cut;
    content[305] ^= 0xff;
    for (size_t known = 0; known <= sizeof content; known += 100) {
        write_segment(content, sizeof content);
        const unsigned set = found(known, &cut);
        CHECK_SIZE(set, known <= 300 ? 7 : all & ~(1u << 3));
    }
    content[305] ^= 0xff;
}

static void
test_many_holes(void)
{
    uint8_t data[4000];
    size_t cut;
    hk_segment *s = NULL;
    for (size_t i = 0; i < 40; i++) {
        heka_frame_write(data + 100 * i, 90, 1, (unsigned)i);
        memset(data + 100 * i + 90, i % 3 == 0 ? 0x1e : 0, 10);
    }
    write_segment(data, sizeof data);
    CHECK_INT(hk_segment_open(directory, 0, 0, SIZE_MAX, mapped, &s, &cut, NULL), HK_OK);
    if (CHECK(s != NULL)) {
        CHECK_SIZE(s->frames, 40);
        CHECK_SIZE(s->hole_count, 39);
        CHECK_SIZE(cut, 40);
        CHECK_SIZE(hk_segment_bytes(s), 40 * 90);
        for (size_t i = 0; i < 39; i++) {
            CHECK_SIZE(hk_segment_skip(s, 100 * i + 90), 100 * i + 100);
            CHECK_SIZE(hk_segment_skip(s, 100 * i), 100 * i);
        }
        hk_segment_close(s);
    }
}

/* What looks like the beginning of a frame again and again costs a bounded number of looks. */
static void
test_hostile_file(void)
{
    static uint8_t data[1u << 20];
    static const uint8_t start[] = {0x1e, 5, 0x08, 0xff, 0xff, 0xff, 0x07, 0x1f}; /* 16 MiB - 1 */
    size_t cut;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = start[i % sizeof start];
    }
    write_segment(data, sizeof data);
    CHECK_SIZE(found(SIZE_MAX, &cut), 0);
}

/* Somebody cuts the file, or removes it, or another one gets its name. */
static void
test_a_look_sees_a_cut(void)
{
    const char *const name = "00000000000000000003.heka";
    hk_segment *s = create(3, 1000);
    hk_segment_name(3, s->name);
    for (unsigned i = 0; i < FRAMES; i++) {
        append(s, i);
    }
    CHECK_SIZE(hk_segment_look(directory, s), 800);
    const int fd = openat(directory, name, O_RDWR);
    CHECK_INT(ftruncate(fd, 801), 0);
    CHECK_SIZE(hk_segment_look(directory, s), 800);
    CHECK_INT(ftruncate(fd, 799), 0);
    CHECK_SIZE(hk_segment_look(directory, s), 799);
    CHECK_INT(ftruncate(fd, 0), 0);
    CHECK_SIZE(hk_segment_look(directory, s), 0);
    CHECK_INT(ftruncate(fd, 1000), 0);
    CHECK_INT(unlinkat(directory, name, 0), 0);
    CHECK_SIZE(hk_segment_look(directory, s), 800); /* all of it is there, without a name */
    const int other = openat(directory, name, O_RDWR | O_CREAT, 0600);
    CHECK_SIZE(hk_segment_look(directory, s), 800);
    (void)close(other);
    CHECK_INT(unlinkat(directory, name, 0), 0);
    CHECK_INT(ftruncate(fd, 0), 0); /* cut, and removed */
#if defined(MADV_POPULATE_READ)
    CHECK_SIZE(hk_segment_look(directory, s), 0);
#endif
    (void)close(fd);
    hk_segment_close(s);
}

/* Frames that lie on the borders of what is read at once. */
static void
test_frames_over_pieces(void)
{
    static uint8_t data[300 * 1000];
    size_t cut;
    hk_segment *s = NULL;
    for (size_t i = 0; i < 300; i++) {
        heka_frame_write(data + 1000 * i, 1000, 1, (unsigned)i);
    }
    write_segment(data, sizeof data);
    CHECK_INT(hk_segment_open(directory, 0, 0, SIZE_MAX, mapped, &s, &cut, NULL), HK_OK);
    if (CHECK(s != NULL)) {
        CHECK_SIZE(s->frames, 300);
        CHECK_SIZE(s->hole_count, 0);
        CHECK_SIZE(cut, 0);
        hk_segment_close(s);
    }
}

int
main(void)
{
    const char *path = fresh_directory();
    (void)alarm(DEADLINE);
    directory = open(path, O_RDONLY | O_DIRECTORY);
    for (unsigned i = 0; i < FRAMES; i++) {
        heka_frame_write(content + 100 * i, 100, 1, i);
    }
    test_names();
    test_measure();
    test_measures_agree_on_anything();
    test_written_frames_are_found();
    refusal = EOPNOTSUPP;
    test_written_frames_are_found();
    refusal = 0;
    test_full_disk();
    test_a_look_sees_a_cut();
    for (unsigned i = 0; i < 2; i++) {
        mapped = i == 0;
        test_written_frames_are_found();
        test_no_such_file();
        test_every_bit_may_rot();
        test_every_length();
        test_known_end();
        test_many_holes();
        test_hostile_file();
        test_frames_over_pieces();
    }
    (void)close(directory);
    remove_directory(path);
    return check_report();
}
