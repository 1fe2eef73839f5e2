/* test_flight.c -- the lengths of frames in flight, used as a ring. */
#include "core/queue/hk_flight.h"

#include "check.h"

#define SLOTS 5u

static uint32_t lengths[SLOTS];

static hk_flight
flight_of(size_t most)
{
    return (hk_flight){.lengths = lengths, .slots = SLOTS, .most = most};
}

static void
test_bounds(void)
{
    hk_flight f = flight_of(100);
    CHECK(hk_flight_takes(&f, 500)); /* one may always */
    hk_flight_push(&f, 500);
    CHECK(!hk_flight_takes(&f, 1));
    CHECK_SIZE(hk_flight_clear(&f), 1);
    hk_flight_push(&f, 60);
    CHECK(hk_flight_takes(&f, 40));
    CHECK(!hk_flight_takes(&f, 41));
    for (size_t i = 0; i < SLOTS - 1; i++) {
        hk_flight_push(&f, 1);
    }
    CHECK(!hk_flight_takes(&f, 1)); /* the table is full */
}

static void
test_release_up_to_what_is_outstanding(void)
{
    hk_flight f = flight_of(100);
    for (size_t round = 0; round < 20; round++) { /* over the end of the table */
        hk_flight_push(&f, 10);
        hk_flight_push(&f, 20);
        hk_flight_push(&f, 30);
        CHECK_SIZE(hk_flight_release(&f, 51), 0);
        CHECK_SIZE(hk_flight_release(&f, 50), 10);
        CHECK_SIZE(hk_flight_release(&f, 31), 0);
        CHECK_SIZE(hk_flight_release(&f, 0), 20);
        CHECK_SIZE(hk_flight_release(&f, 0), 30);
        CHECK_SIZE(hk_flight_release(&f, 0), 0);
        CHECK_SIZE(f.count + f.bytes + f.out + f.out_bytes + f.touched, 0);
    }
}

static void
test_what_was_written_counts_as_repeated(void)
{
    hk_flight f = flight_of(100);
    for (size_t i = 0; i < 4; i++) {
        hk_flight_push(&f, 10);
    }
    CHECK_SIZE(hk_flight_release(&f, 30), 10);
    hk_flight_rewind(&f, 15); /* the last was not written, the one before by half */
    CHECK_SIZE(f.count, 3);
    CHECK_SIZE(f.out, 0);
    CHECK_SIZE(hk_flight_release(&f, 0), 0); /* nothing is handed out */
    CHECK_SIZE(hk_flight_next(&f), 10);
    CHECK(hk_flight_repeat(&f));
    hk_flight_rewind(&f, 10); /* forgets nothing */
    CHECK(hk_flight_repeat(&f));
    CHECK(hk_flight_repeat(&f));
    CHECK(!hk_flight_repeat(&f));
    CHECK_SIZE(hk_flight_release(&f, 0), 10);
    hk_flight_rewind(&f, SIZE_MAX);
    CHECK(hk_flight_repeat(&f));
    CHECK(!hk_flight_repeat(&f));
    CHECK_SIZE(hk_flight_clear(&f), 2);
    CHECK_SIZE(f.out, 0);
}

/* Frames that are lost in the middle: those behind them move up, over the end of the table too. */
static void
test_removing_the_next_ones(void)
{
    hk_flight f = flight_of(1000);
    for (size_t round = 0; round < 7; round++) {
        for (size_t len = 1; len <= 4; len++) {
            hk_flight_push(&f, 10 * len);
        }
        hk_flight_rewind(&f, 30); /* of the last one; so all may have been sent */
        CHECK(hk_flight_repeat(&f));
        hk_flight_remove(&f, 2);
        CHECK_SIZE(f.count, 2);
        CHECK_SIZE(f.bytes, 50);
        CHECK_SIZE(hk_flight_next(&f), 40);
        CHECK(hk_flight_repeat(&f));
        CHECK_SIZE(hk_flight_release(&f, 0), 10);
        CHECK_SIZE(hk_flight_release(&f, 0), 40);
        CHECK_SIZE(hk_flight_release(&f, 0), 0);
        CHECK_SIZE(f.bytes, 0);
        hk_flight_push(&f, 5); /* the next round begins at another slot */
        CHECK_SIZE(hk_flight_release(&f, 0), 5);
    }
}

int
main(void)
{
    test_bounds();
    test_release_up_to_what_is_outstanding();
    test_what_was_written_counts_as_repeated();
    test_removing_the_next_ones();
    return check_report();
}
