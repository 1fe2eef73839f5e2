/* test_window.c -- frames in flight: acknowledged, handed out again, at every offset of memory.
 *
 * The window has the bytes, the table of hk_flight.h their lengths: both as the engine uses them.
 */
#include "core/queue/hk_window.h"

#include <stdlib.h>

#include "check.h"
#include "frames.h"

#define MOST 64u /* frames of the list */

/* What a window is, without its memory. */
typedef struct {
    struct {
        const uint8_t *data;
        size_t len;
        unsigned number;
        bool touched; /* sent, perhaps, before a rewind */
    } frames[MOST];
    size_t count;
    size_t out;
    unsigned made;
} list;

static size_t
bytes_out(const list *l)
{
    size_t bytes = 0;
    for (size_t i = 0; i < l->out; i++) {
        bytes += l->frames[i].len;
    }
    return bytes;
}

typedef struct {
    hk_window bytes;
    hk_flight lengths;
} window;

static void
start(window *w, uint8_t *memory, size_t size, uint32_t *lengths, size_t slots)
{
    hk_window_init(&w->bytes, memory, size);
    w->lengths = (hk_flight){.lengths = lengths, .slots = slots, .most = size};
}

static bool
agree(const window *w, const list *l)
{
    const hk_flight *f = &w->lengths;
    bool ok = f->count == l->count && f->out == l->out && f->out_bytes == bytes_out(l) &&
              hk_window_count(&w->bytes, f) == l->count;
    for (size_t i = 0; ok && i < l->count; i++) {
        ok = frames_match(l->frames[i].data, l->frames[i].len, 2, l->frames[i].number);
    }
    return ok;
}

static bool
push(window *w, list *l, size_t len, bool follows)
{
    const uint8_t *end = l->count == 0 ? NULL : l->frames[l->count - 1].data;
    end = end == NULL ? NULL : end + l->frames[l->count - 1].len;
    uint8_t *to = NULL;
    if (hk_flight_takes(&w->lengths, len)) {
        to = hk_window_push(&w->bytes, len, follows);
    }
    if (to == NULL) {
        return false;
    }
    CHECK(!follows || end == NULL || to == end);
    frames_write(to, len, 2, l->made);
    hk_flight_push(&w->lengths, len);
    l->frames[l->count].data = to;
    l->frames[l->count].len = len;
    l->frames[l->count].number = l->made++;
    l->frames[l->count].touched = false;
    l->count++;
    l->out++;
    return true;
}

static hk_tally
release(window *w, size_t outstanding)
{
    hk_tally gone = {0, 0};
    for (size_t len; (len = hk_flight_release(&w->lengths, outstanding)) > 0; gone.frames++) {
        hk_window_release(&w->bytes, len);
        gone.bytes += len;
    }
    hk_flight_settle(&w->lengths);
    return gone;
}

static bool
acknowledge(window *w, list *l, size_t outstanding)
{
    size_t left = bytes_out(l);
    size_t frames = 0;
    size_t bytes = 0;
    while (frames < l->out && left - l->frames[frames].len >= outstanding &&
           left >= l->frames[frames].len) {
        left -= l->frames[frames].len;
        bytes += l->frames[frames++].len;
    }
    const hk_tally gone = release(w, outstanding);
    l->count -= frames;
    l->out -= frames;
    memmove(l->frames, l->frames + frames, l->count * sizeof l->frames[0]);
    return gone.frames == frames && gone.bytes == bytes;
}

static void
rewind_window(window *w, size_t unsent)
{
    hk_flight_rewind(&w->lengths, unsent);
    hk_window_rewind(&w->bytes);
}

static void
rewind_both(window *w, list *l, size_t unsent)
{
    const size_t all = bytes_out(l);
    const size_t sent = unsent < all ? all - unsent : 0;
    size_t before = 0;
    for (size_t i = 0; i < l->out; i++) {
        l->frames[i].touched |= before < sent;
        before += l->frames[i].len;
    }
    l->out = 0;
    rewind_window(w, unsent);
}

/* Hands out again the next frames that follow each other, `most` bytes or one. */
static hk_slice
repeat(window *w, size_t most, size_t *frames, size_t *repeated)
{
    hk_slice piece = {NULL, 0};
    *frames = *repeated = 0;
    while (w->lengths.out < w->lengths.count) {
        const size_t len = hk_flight_next(&w->lengths);
        const uint8_t *data = NULL;
        if (*frames == 0 || piece.len + len <= most) {
            data = hk_window_again(&w->bytes, len, *frames > 0);
        }
        if (data == NULL) {
            break;
        }
        piece.data = *frames == 0 ? data : piece.data;
        piece.len += len;
        ++*frames;
        *repeated += hk_flight_repeat(&w->lengths);
    }
    return piece;
}

/* The frames come in one piece, whole, in order, as many as `most` allows. */
static bool
again(window *w, list *l, size_t most)
{
    size_t frames = 99;
    size_t repeated = 99;
    size_t touched = 0;
    const hk_slice piece = repeat(w, most, &frames, &repeated);
    size_t at = 0;
    bool ok = frames <= l->count - l->out && (frames > 0) == (l->out < l->count);
    for (size_t i = 0; ok && i < frames; i++) {
        const size_t len = l->frames[l->out + i].len;
        ok = piece.data + at == l->frames[l->out + i].data && (at + len <= most || i == 0);
        touched += l->frames[l->out + i].touched;
        at += len;
    }
    l->out += ok ? frames : 0;
    if (ok && l->out < l->count) { /* it ended for a reason */
        ok = at + l->frames[l->out].len > most || l->frames[l->out].data == w->bytes.data;
    }
    return ok && at == piece.len && repeated == touched;
}

static void
test_any_order(void)
{
    size_t good = 0;
    size_t runs = 0;
    size_t done[7] = {0};
    for (size_t size = 24; size <= 64; size++) {
        for (size_t slots = 3; slots <= 40; slots += 37) { /* the table is full first, or last */
            uint8_t *memory = malloc(size);
            uint32_t *lengths = malloc(slots * sizeof *lengths);
            uint64_t seed = size * 100 + slots;
            window w;
            list l = {.count = 0};
            bool ok = true;
            start(&w, memory, size, lengths, slots);
            for (size_t step = 0; ok && step < 5000; step++) {
                const uint32_t what = frames_random(&seed) % 32;
                const size_t len = 1 + frames_random(&seed) % 24;
                if (what < 12 && l.out == l.count) {
                    const bool fits = push(&w, &l, len, what % 2 == 0);
                    done[0] += fits;
                    ok = fits || l.count > 0; /* into an empty one goes every frame */
                } else if (what < 22) {
                    ok = acknowledge(&w, &l, frames_random(&seed) % 48);
                    done[1]++;
                } else if (what < 24) {
                    ok = acknowledge(&w, &l, 0) && l.out == 0;
                } else if (what < 26) {
                    done[2] += l.out > 1;
                    rewind_both(&w, &l, frames_random(&seed) % 48);
                } else if (what < 31) {
                    done[3] += l.out < l.count;
                    ok = l.out == l.count || again(&w, &l, len * 2);
                } else if (frames_random(&seed) % 16 == 0) {
                    done[4] += l.count > 0;
                    ok = hk_flight_clear(&w.lengths) == l.count;
                    hk_window_clear(&w.bytes);
                    l.count = l.out = 0;
                }
                done[5] += w.bytes.wrapped;
                done[6] += w.bytes.wrapped && w.lengths.out < w.lengths.count;
                ok = ok && agree(&w, &l);
            }
            good += ok;
            runs++;
            free(lengths);
            free(memory);
        }
    }
    CHECK_SIZE(good, runs);
    for (size_t i = 0; i < sizeof done / sizeof done[0]; i++) {
        CHECK(done[i] > 500);
    }
}

/* ---- one fact each ---- */

static uint8_t memory[100];
static uint32_t lengths[10];

static void
test_what_is_acknowledged(void)
{
    window w;
    list l = {.count = 0};
    start(&w, memory, sizeof memory, lengths, 10);
    CHECK(push(&w, &l, 30, false) && push(&w, &l, 30, true) && push(&w, &l, 30, true));
    CHECK_SIZE(release(&w, 90).frames, 0);
    CHECK_SIZE(release(&w, 61).frames, 0); /* a byte of the first is missing */
    const hk_tally gone = release(&w, 60);
    CHECK_SIZE(gone.frames, 1);
    CHECK_SIZE(gone.bytes, 30);
    CHECK_SIZE(release(&w, 1).frames, 1);
    CHECK_SIZE(release(&w, SIZE_MAX).frames, 0);
    CHECK_SIZE(release(&w, 0).frames, 1);
    CHECK_SIZE(w.lengths.count, 0);
}

static void
test_what_was_never_sent_is_not_repeated(void)
{
    size_t frames;
    size_t repeated;
    window w;
    list l = {.count = 0};
    start(&w, memory, sizeof memory, lengths, 10);
    CHECK(push(&w, &l, 30, false) && push(&w, &l, 30, true) && push(&w, &l, 30, true));
    rewind_window(&w, 45); /* the second was sent by half */
    CHECK_SIZE(repeat(&w, 1000, &frames, &repeated).len, 90);
    CHECK_SIZE(frames, 3);
    CHECK_SIZE(repeated, 2);
    rewind_window(&w, 90); /* but may have been before */
    CHECK_SIZE(release(&w, 0).frames, 0);
    CHECK_SIZE(repeat(&w, 1, &frames, &repeated).len, 30);
    CHECK_SIZE(repeated, 1);
    CHECK_SIZE(release(&w, 0).frames, 1);
    CHECK_SIZE(repeat(&w, 60, &frames, &repeated).len, 60);
    CHECK_SIZE(repeated, 1);
    CHECK_SIZE(repeat(&w, 60, &frames, &repeated).len, 0);
    CHECK_SIZE(frames, 0);
    CHECK_SIZE(repeated, 0);
}

static void
test_a_piece_ends_where_memory_does(void)
{
    size_t frames;
    size_t repeated;
    window w;
    list l = {.count = 0};
    start(&w, memory, sizeof memory, lengths, 10);
    CHECK(push(&w, &l, 40, false) && push(&w, &l, 50, true));
    CHECK(hk_window_push(&w.bytes, 20, false) == NULL); /* neither behind them nor before */
    CHECK(acknowledge(&w, &l, 50));
    CHECK(hk_window_push(&w.bytes, 20, true) == NULL);
    CHECK(hk_window_push(&w.bytes, 41, false) == NULL);
    CHECK(push(&w, &l, 20, false));
    CHECK(push(&w, &l, 20, true));
    CHECK(hk_window_push(&w.bytes, 1, false) == NULL);
    rewind_window(&w, 0);
    CHECK_SIZE(repeat(&w, 1000, &frames, &repeated).len, 50);
    const hk_slice rest = repeat(&w, 1000, &frames, &repeated);
    CHECK(rest.data == memory);
    CHECK_SIZE(rest.len, 40);
    CHECK_SIZE(frames, 2);
}

int
main(void)
{
    test_what_is_acknowledged();
    test_what_was_never_sent_is_not_repeated();
    test_a_piece_ends_where_memory_does();
    test_any_order();
    return check_report();
}
