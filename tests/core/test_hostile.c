/* test_hostile.c -- streams that are built to cost the reader time or memory.
 *
 * The work is counted, not timed: the linker replaces hk_decode_validate (--wrap), and each stream
 * is built so that every candidate frame would be examined to its end. The times are printed for
 * information only; SIGALRM ends a hang. */
#include "core/wire/hk_reader.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/hk_clock.h"
#include "core/wire/hk_decode.h"
#include "check.h"
#include "sample.h"
#include "transcript.h"

#define MIB (1024u * 1024u)
#define TIME_GUARD 300u /* seconds: enough under sanitizers on a slow machine */

hk_status __real_hk_decode_validate(const uint8_t *data, size_t len, size_t *examined,
                                    hk_error *err);
hk_status __wrap_hk_decode_validate(const uint8_t *data, size_t len, size_t *examined,
                                    hk_error *err);

static uint64_t examined_malformed; /* bytes of the Messages that were found malformed */

hk_status
__wrap_hk_decode_validate(const uint8_t *data, size_t len, size_t *examined, hk_error *err)
{
    const hk_status status = __real_hk_decode_validate(data, len, examined, err);
    examined_malformed += status == HK_OK ? 0 : len;
    return status;
}

/* Reads the stream; prints the time and the work. */
static transcript
read_hostile(const char *what, size_t max_message, const hk_buffer *stream, size_t chunk)
{
    const stream_rules rules = {max_message, NULL, false};
    examined_malformed = 0;
    const int64_t start = hk_clock_now();
    transcript t = transcript_of(&rules, stream->data, stream->len, chunk_fixed, &chunk);
    const double ns = (double)(hk_clock_now() - start);
    printf("  %-30s %5.1f MiB, chunks of %8zu: %9.2f ms, %7.1f ns a byte, %6.1f walks a byte\n",
           what, (double)stream->len / MIB, chunk, ns / 1e6, ns / (double)stream->len,
           (double)examined_malformed / (double)stream->len);
    CHECK_NONE(t.fault);
    return t;
}

/* The most bytes that may be examined: the allowance, after which torn frames are discarded whole.
 */
static uint64_t
most_work(const hk_buffer *stream)
{
    return HK_READER_ALLOWANCE_START + (HK_READER_ALLOWANCE + 1) * (uint64_t)stream->len;
}

static void
repeat(hk_buffer *out, const char *hex, size_t size)
{
    hk_buffer unit = sample_buffer();
    put_hex(&unit, hex);
    while (out->len < size) {
        put_raw(out, unit.data, unit.len);
    }
    hk_buffer_clear(&unit);
}

/* Each unit contains a frame start whose Message is all the units after it. No unit is malformed,
 * so every byte is examined before the error is found, whatever offset it is reported at. */
static const struct {
    const char *what;
    const char *unit;
    size_t max_message;
    size_t size;
} nested[] = {
    {"a uuid of no bytes", "7a09 1e04 08f9ff03 1f 0a00", 65536, MIB},
    {"no uuid", "7a07 1e04 08f9ff03 1f", 65536, MIB},
    {"a field without a name", "7a0b 1e04 08f4ff03 1f 52f0ff03", 65536, MIB},
    /* Canonical for 8 MiB, then torn: hk_decode_validate refuses it for its length. */
    {"canonical, over the limit",
     "5224 0a00 1000 1a00 221c 1e05 08d7a0fe03 1f 0a10 000102030405060708090a0b0c0d0e0f 1001",
     HK_LENGTH_MAX, 14 * MIB},
};

static void
test_nested_candidates(void)
{
    for (size_t i = 0; i < sizeof nested / sizeof nested[0]; i++) {
        hk_buffer stream = sample_buffer();
        repeat(&stream, nested[i].unit, nested[i].size);
        const size_t chunks[] = {stream.len, 65536, 1000};
        for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            transcript t = read_hostile(nested[i].what, nested[i].max_message, &stream, chunks[c]);
            CHECK(examined_malformed > stream.len / 2); /* the stream did cause work */
            CHECK(examined_malformed <= most_work(&stream));
            CHECK_SIZE(t.count, 0);
            transcript_clear(&t);
        }
        hk_buffer_clear(&stream);
    }
}

/* Once the allowance is used up, frames are lost: the same ones for any chunks. */
static void
test_loss_does_not_depend_on_chunks(void)
{
    hk_buffer stream = sample_buffer();
    repeat(&stream,
           "7a09 1e04 08eaff03 1f 0a00"
           "7a19 1e02 0814 1f 0a10 000102030405060708090a0b0c0d0e0f 1001",
           2 * MIB);
    const size_t chunks[] = {stream.len, 1u << 20, 65536, 4096, 997, 64};
    const stream_rules rules = {65536, NULL, false};
    transcript model = transcript_by_model(&rules, stream.data, stream.len);
    CHECK(model.count > 0 && model.count < stream.len / 38);
    for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
        transcript t = read_hostile("good frames in between", 65536, &stream, chunks[c]);
        CHECK(examined_malformed <= most_work(&stream));
        CHECK_NONE(transcript_difference(&model, &t));
        transcript_clear(&t);
    }
    transcript_clear(&model);
    hk_buffer_clear(&stream);
}

/* Bytes that look like the start of a frame must not delay the valid frames after them. */
static void
test_starts_cannot_stall(void)
{
    static const struct {
        const char *what;
        const char *unit;
    } starts[] = {
        {"separators", "1e"},
        {"1e ff", "1eff"},
        {"headers in headers", "1ef810"},
        {"headers in signers", "1eff 0805 220c 1eff 0805"},
        {"unit separators too", "1e02 0805 1f"},
        {"random-looking", "1e08 05ff 1f1e 7a00 1eff 0a10 0011"},
        {"no separators", "00"},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        hk_buffer stream = sample_buffer();
        repeat(&stream, starts[i].unit, MIB);
        const size_t garbage = stream.len;
        for (size_t good = 0; good < 12; good++) { /* 300 bytes: longer than any header */
            put_hex(&stream, "1e02 0814 1f");
            put_smallest(&stream);
        }
        const size_t chunks[] = {stream.len, 4096, 1};
        for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            transcript t = read_hostile(starts[i].what, 65536, &stream, chunks[c]);
            CHECK(t.count >= 1);
            CHECK(t.discarded >= garbage);
            CHECK_SIZE(t.pending, 0);
            CHECK(examined_malformed <= most_work(&stream));
            transcript_clear(&t);
        }
        hk_buffer_clear(&stream);
    }
}

/* A wrong digest costs one hash of the frame, which is consumed whole. */
static void
test_bad_digests(void)
{
    hk_buffer message = sample_buffer();
    hk_buffer stream = sample_buffer();
    hk_identity identity = sample_identity("name", 1, HK_SHA1, "other");
    hk_keyring *ring = hk_keyring_new();
    must(hk_keyring_add(ring, slice_of("name"), 1, slice_of("key"), NULL));
    put_smallest(&message);
    hk_buffer payload = sample_buffer();
    repeat(&payload, "1e2a 088080041801 2204 6e616d65 2801 3214 0000000000000000000000", 60000);
    put_entry(&message, HK_TAG_PAYLOAD, payload.data, payload.len);
    size_t frames = 0;
    for (; stream.len < MIB; frames++) {
        put_frame(&stream, message.data, message.len, &identity);
    }
    const stream_rules rules = {65536, ring, true};
    size_t chunk = 1000;
    transcript t = transcript_of(&rules, stream.data, stream.len, chunk_fixed, &chunk);
    CHECK_NONE(t.fault);
    CHECK_SIZE(t.refused[HK_REFUSED_BAD_DIGEST], frames);
    CHECK_SIZE(t.refused_bytes, stream.len);
    transcript_clear(&t);
    hk_keyring_free(ring);
    hk_identity_clear(&identity);
    hk_buffer_clear(&payload);
    hk_buffer_clear(&stream);
    hk_buffer_clear(&message);
}

int
main(void)
{
    (void)alarm(TIME_GUARD);
    printf("\n");
    test_nested_candidates();
    test_loss_does_not_depend_on_chunks();
    test_starts_cannot_stall();
    test_bad_digests();
    return check_report();
}
