/* test_reader.c -- every row of the table in hk_reader.h, with every split of the stream. */
#include "core/wire/hk_reader.h"

#include <stdlib.h>

#include "check.h"
#include "sample.h"
#include "transcript.h"

/* The expected result of a stream. The delivered bytes are the rest. */
typedef struct {
    size_t frames;
    uint64_t refused[HK_REFUSALS];
    uint64_t refused_bytes;
    uint64_t discarded;
    uint64_t pending;
} outcome;

static const stream_rules plain = {HK_MESSAGE_MAX, NULL, false};

static void
check_outcome(const transcript *t, const outcome *expected, size_t len)
{
    CHECK_SIZE(t->count, expected->frames);
    for (size_t i = 0; i < HK_REFUSALS; i++) {
        CHECK_SIZE(t->refused[i], expected->refused[i]);
    }
    CHECK_SIZE(t->refused_bytes, expected->refused_bytes);
    CHECK_SIZE(t->discarded, expected->discarded);
    CHECK_SIZE(t->pending, expected->pending);
    CHECK_SIZE(t->delivered,
               len - expected->refused_bytes - expected->discarded - expected->pending);
}

/* Checks that one feed, the model, each chunk size and each split in two give the same result, and
 * blocks as frames do. */
static void
check_stream(const char *what, const stream_rules *rules, const hk_buffer *stream,
             const outcome *expected)
{
    const unsigned long before = check_failed;
    transcript whole = transcript_of(rules, stream->data, stream->len, chunk_whole, NULL);
    transcript model = transcript_by_model(rules, stream->data, stream->len);
    CHECK_NONE(transcript_difference(&whole, &model));
    if (expected != NULL) {
        check_outcome(&whole, expected, stream->len);
    }
    for (size_t cut = 0; cut < stream->len; cut++) {
        size_t first = cut;
        transcript split = transcript_of(rules, stream->data, stream->len, chunk_split, &first);
        CHECK_NONE(transcript_difference(&whole, &split));
        transcript_clear(&split);
        first = cut;
        split = transcript_by_blocks(rules, stream->data, stream->len, chunk_split, &first);
        CHECK_NONE(transcript_difference(&whole, &split));
        transcript_clear(&split);
    }
    for (size_t size = 1; size < 12; size++) {
        transcript fixed = transcript_of(rules, stream->data, stream->len, chunk_fixed, &size);
        CHECK_NONE(transcript_difference(&whole, &fixed));
        transcript_clear(&fixed);
        fixed = transcript_by_blocks(rules, stream->data, stream->len, chunk_fixed, &size);
        CHECK_NONE(transcript_difference(&whole, &fixed));
        transcript_clear(&fixed);
    }
    if (check_failed != before) {
        printf("  of the stream: %s\n", what);
    }
    transcript_clear(&model);
    transcript_clear(&whole);
}

/* ---- parts of streams ---- */

static void
put_good(hk_buffer *out)
{
    hk_buffer message = sample_buffer();
    put_smallest(&message);
    put_frame(out, message.data, message.len, NULL);
    hk_buffer_clear(&message);
}
#define GOOD_SIZE (5u + SMALLEST_SIZE)

/* A valid Message whose payload is `inside`, e.g. a hidden frame. */
static hk_buffer
message_around(const hk_buffer *inside)
{
    hk_buffer message = sample_buffer();
    put_smallest(&message);
    put_entry(&message, HK_TAG_PAYLOAD, inside->data, inside->len);
    return message;
}

static hk_buffer
hiding_message(void)
{
    hk_buffer hidden = sample_buffer();
    put_good(&hidden);
    hk_buffer message = message_around(&hidden);
    hk_buffer_clear(&hidden);
    return message;
}

/* ---- the rows of the table ---- */

static void
test_garbage_costs_one_byte_at_a_time(void)
{
    static const struct {
        const char *hex; /* garbage, then a good frame */
        const char *what;
    } rows[] = {
        {"", "nothing"},
        {"00ff41", "no separator"},
        {"1e", "a single separator"},
        {"1e1e1e1e", "separators"},
        {"1e00", "an empty header"},
        {"1eff", "the longest header, of garbage"},
        {"1eff1eff1eff1eff", "many of them"},
        {"1e0208", "a header that ends early"},
        {"1e02 0814 00", "a wrong separator"},
        {"1e02 0814", "a missing separator"},
        {"1e03 220161 1f", "a header without a length"},
        {"1e02 7b7c 1f", "a header with a group"},
        {"1e05 0881808008 1f", "16 MiB and a byte"},
        {"1e06 088180808800 1f", "the same in a longer varint"},
        {"1e06 08ffffffff0f 1f", "the largest length"},
        {"1f1f1f", "unit separators"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t twice = 0; twice < 2; twice++) {
            hk_buffer stream = sample_buffer();
            put_hex(&stream, rows[i].hex);
            const size_t garbage = stream.len;
            put_good(&stream);
            if (twice == 1) {
                put_hex(&stream, rows[i].hex);
                put_good(&stream);
            }
            const outcome expected = {.frames = 1 + twice, .discarded = garbage * (1 + twice)};
            check_stream(rows[i].what, &plain, &stream, &expected);
            hk_buffer_clear(&stream);
        }
    }
}

static void
test_torn_frames_are_looked_into(void)
{
    /* The last bytes of a Message are missing, so the next frame starts inside of it. */
    for (size_t lost = 1; lost < 20; lost++) {
        hk_buffer stream = sample_buffer();
        put_good(&stream);
        stream.len -= lost;
        const size_t torn = stream.len;
        put_good(&stream);
        put_good(&stream);
        const outcome expected = {.frames = 2, .discarded = torn};
        check_stream("a torn frame", &plain, &stream, &expected);
        hk_buffer_clear(&stream);
    }
    /* A malformed frame with valid frames inside: all of these are found. */
    hk_buffer inside = sample_buffer();
    hk_buffer stream = sample_buffer();
    for (int i = 0; i < 3; i++) {
        put_good(&inside);
    }
    put_hex(&inside, "0a"); /* ends inside a length */
    put_good(&stream);
    put_frame(&stream, inside.data, inside.len, NULL);
    const outcome expected = {.frames = 4, .discarded = 5 + 1};
    check_stream("frames in a malformed one", &plain, &stream, &expected);
    hk_buffer_clear(&stream);
    hk_buffer_clear(&inside);
}

static void
test_incomplete_tail_is_pending(void)
{
    hk_buffer stream = sample_buffer();
    put_good(&stream);
    put_good(&stream);
    for (size_t tail = 1; tail < GOOD_SIZE; tail++) {
        hk_buffer part = sample_buffer();
        put_raw(&part, stream.data, GOOD_SIZE + tail);
        const outcome expected = {.frames = 1, .pending = tail};
        check_stream("a tail", &plain, &part, &expected);
        hk_buffer_clear(&part);
    }
    hk_buffer_clear(&stream);
}

static void
test_empty_message_is_malformed(void)
{
    hk_buffer stream = sample_buffer();
    put_hex(&stream, "1e020800 1f");
    put_good(&stream);
    const outcome expected = {.frames = 1, .discarded = 5};
    check_stream("an empty Message", &plain, &stream, &expected);
    hk_buffer_clear(&stream);
}

/* A frame over the limit is refused whole, and no frame inside of it is delivered. */
static void
test_oversize_is_skipped_whole(void)
{
    hk_buffer message = hiding_message();
    hk_buffer stream = sample_buffer();
    put_good(&stream);
    const size_t before = stream.len;
    put_frame(&stream, message.data, message.len, NULL);
    const size_t frame = stream.len - before;
    put_good(&stream);

    stream_rules rules = {message.len - 1, NULL, false};
    outcome expected = {.frames = 2, .refused_bytes = frame};
    expected.refused[HK_REFUSED_OVERSIZE] = 1;
    check_stream("oversize by one", &rules, &stream, &expected);
    rules.max_message = message.len;
    const outcome fits = {.frames = 3};
    check_stream("exactly the limit", &rules, &stream, &fits);

    /* The stream ends inside of it: the bytes that arrived are refused, none is pending. */
    rules.max_message = SMALLEST_SIZE;
    for (size_t missing = GOOD_SIZE + 1; missing < GOOD_SIZE + frame - 5; missing += 7) {
        hk_buffer part = sample_buffer();
        put_raw(&part, stream.data, stream.len - missing);
        expected.frames = 1;
        expected.refused_bytes = part.len - before;
        check_stream("the end of an oversize frame is missing", &rules, &part, &expected);
        hk_buffer_clear(&part);
    }
    hk_buffer_clear(&stream);
    hk_buffer_clear(&message);
}

/* A header that claims 16 MiB, followed by valid frames; and the same with one byte more. */
static void
test_oversize_of_16_mib(void)
{
    for (uint32_t over = 0; over < 2; over++) {
        hk_buffer stream = sample_buffer();
        const uint32_t length = HK_LENGTH_MAX + over;
        uint8_t header[6] = {HK_TAG_HEADER_LENGTH};
        put_frame_start(&stream, header, (size_t)(hk_varint_put(header + 1, length) - header));
        const size_t start = stream.len;
        while (stream.len - start < length) {
            put_good(&stream);
        }
        const size_t inside = (stream.len - start) / GOOD_SIZE;
        size_t size = 100000;
        transcript t = transcript_of(&plain, stream.data, stream.len, chunk_fixed, &size);
        CHECK_NONE(t.fault);
        outcome expected = {.frames = inside, .discarded = start};
        if (over == 0) { /* the last good frame began inside and ends behind */
            const size_t behind = stream.len - start - length;
            expected = (outcome){.refused_bytes = start + length, .discarded = behind};
            expected.refused[HK_REFUSED_OVERSIZE] = 1;
        }
        check_outcome(&t, &expected, stream.len);
        transcript_clear(&t);
        hk_buffer_clear(&stream);
    }
}

/* ---- signatures ---- */

/* How the frame of each row is signed, and its result without keys, with an empty keyring, with the
 * key, and with the key when a signature is required. NONE: delivered. */
#define NONE HK_REFUSALS
typedef struct {
    const char *what;
    const char *name;
    uint32_t version;
    int hash;        /* -1: unsigned */
    const char *key; /* the ring has "name", 1, "key" */
    hk_refusal with_empty_ring;
    hk_refusal with_key;
    hk_refusal required;
    bool verified;
} signing;

static const signing signings[] = {
    {"SHA1", "name", 1, HK_SHA1, "key", HK_REFUSED_UNKNOWN_SIGNER, NONE, NONE, true},
    {"MD5", "name", 1, HK_MD5, "key", HK_REFUSED_UNKNOWN_SIGNER, NONE, NONE, true},
    {"another name", "eman", 1, HK_SHA1, "key", HK_REFUSED_UNKNOWN_SIGNER,
     HK_REFUSED_UNKNOWN_SIGNER, HK_REFUSED_UNKNOWN_SIGNER, false},
    {"another version", "name", 2, HK_SHA1, "key", HK_REFUSED_UNKNOWN_SIGNER,
     HK_REFUSED_UNKNOWN_SIGNER, HK_REFUSED_UNKNOWN_SIGNER, false},
    {"another key", "name", 1, HK_SHA1, "kez", HK_REFUSED_UNKNOWN_SIGNER, HK_REFUSED_BAD_DIGEST,
     HK_REFUSED_BAD_DIGEST, false},
    {"no signature", NULL, 0, -1, NULL, NONE, NONE, HK_REFUSED_UNSIGNED, false},
};

static void
check_signed_stream(const signing *row, const stream_rules *rules, hk_refusal refusal)
{
    hk_buffer message = hiding_message(); /* frames inside a refused one must not be found */
    hk_buffer stream = sample_buffer();
    hk_identity identity;
    if (row->hash >= 0) {
        identity = sample_identity(row->name, row->version, (hk_hash)row->hash, row->key);
    }
    put_hex(&stream, "00");
    put_frame(&stream, message.data, message.len, row->hash >= 0 ? &identity : NULL);
    outcome expected = {.frames = 1, .discarded = 1};
    if (refusal != NONE) {
        expected.frames = 0;
        expected.refused[refusal] = 1;
        expected.refused_bytes = stream.len - 1;
    }
    check_stream(row->what, rules, &stream, &expected);

    hk_reader r;
    hk_frame frame;
    hk_reader_init(&r, rules->max_message, rules->keys, rules->require_signature);
    hk_reader_feed(&r, stream.data, stream.len);
    const hk_status status = hk_reader_next(&r, &frame, NULL);
    CHECK_INT(status, refusal == NONE ? HK_OK : HK_ERR_TRUNCATED);
    CHECK(r.has_refused_signer == (refusal != NONE && row->hash >= 0));
    if (r.has_refused_signer) {
        CHECK_INT(r.last_refused.why, refusal);
        CHECK_SIZE(r.last_refused.version, row->version);
        CHECK_BYTES(r.last_refused.name, r.last_refused.len, (const uint8_t *)row->name,
                    strlen(row->name));
    }
    if (status == HK_OK) {
        const bool verified = row->verified && rules->keys != NULL;
        CHECK(verified == (frame.signer.data != NULL));
        CHECK_SIZE(frame.version, verified ? row->version : 0);
        CHECK_SIZE(frame.signer.len, verified ? strlen(row->name) : 0);
        CHECK_BYTES(frame.message.data, frame.message.len, message.data, message.len);
    }
    hk_reader_clear(&r);
    if (row->hash >= 0) {
        hk_identity_clear(&identity);
    }
    hk_buffer_clear(&stream);
    hk_buffer_clear(&message);
}

static void
test_signatures(void)
{
    hk_keyring *empty = hk_keyring_new();
    hk_keyring *ring = hk_keyring_new();
    must(hk_keyring_add(ring, slice_of("name"), 1, slice_of("key"), NULL));
    const stream_rules with_empty = {HK_MESSAGE_MAX, empty, false};
    const stream_rules with_key = {HK_MESSAGE_MAX, ring, false};
    const stream_rules required = {HK_MESSAGE_MAX, ring, true};
    const stream_rules required_without_keys = {HK_MESSAGE_MAX, NULL, true};
    for (size_t i = 0; i < sizeof signings / sizeof signings[0]; i++) {
        check_signed_stream(&signings[i], &plain, NONE);
        check_signed_stream(&signings[i], &required_without_keys, NONE);
        check_signed_stream(&signings[i], &with_empty, signings[i].with_empty_ring);
        check_signed_stream(&signings[i], &with_key, signings[i].with_key);
        check_signed_stream(&signings[i], &required, signings[i].required);
    }
    hk_keyring_free(ring);
    hk_keyring_free(empty);
}

/* Headers that hk_frame_seal does not write, for the smallest Message (0814: its length). */
static void
test_odd_signatures(void)
{
    static const struct {
        const char *header;
        const char *what;
        hk_refusal with_key;
        hk_refusal required;
    } rows[] = {
        {"0814 2204 6e616d65 2801", "a signer without a digest", NONE, HK_REFUSED_UNSIGNED},
        {"0814 3200", "an empty digest and no signer", HK_REFUSED_UNKNOWN_SIGNER,
         HK_REFUSED_UNKNOWN_SIGNER},
        {"0814 2204 6e616d65 2801 3200", "an empty digest", HK_REFUSED_BAD_DIGEST,
         HK_REFUSED_BAD_DIGEST},
        {"0814 1802 2204 6e616d65 2801 3200", "an unknown hash", HK_REFUSED_UNKNOWN_HASH,
         HK_REFUSED_UNKNOWN_HASH},
        {"0814 18ffffffff0f 2204 6e616d65 2801 3200", "a large unknown hash",
         HK_REFUSED_UNKNOWN_HASH, HK_REFUSED_UNKNOWN_HASH},
    };
    hk_keyring *ring = hk_keyring_new();
    must(hk_keyring_add(ring, slice_of("name"), 1, slice_of("key"), NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int require = 0; require < 2; require++) {
            const stream_rules rules = {HK_MESSAGE_MAX, ring, require == 1};
            const hk_refusal refusal = require == 1 ? rows[i].required : rows[i].with_key;
            hk_buffer header = sample_buffer();
            hk_buffer stream = sample_buffer();
            put_hex(&header, rows[i].header);
            put_frame_start(&stream, header.data, header.len);
            put_smallest(&stream);
            outcome expected = {.frames = refusal == NONE ? 1 : 0};
            if (refusal != NONE) {
                expected.refused[refusal] = 1;
                expected.refused_bytes = stream.len;
            }
            check_stream(rows[i].what, &rules, &stream, &expected);
            hk_buffer_clear(&stream);
            hk_buffer_clear(&header);
        }
    }
    hk_keyring_free(ring);
}

/* A malformed Message is discarded whatever its signature; the digest is not computed. */
static void
test_malformed_comes_before_signature(void)
{
    hk_keyring *ring = hk_keyring_new();
    hk_identity identity = sample_identity("name", 1, HK_SHA1, "key");
    hk_buffer inside = sample_buffer();
    hk_buffer stream = sample_buffer();
    must(hk_keyring_add(ring, slice_of("name"), 1, slice_of("key"), NULL));
    put_good(&inside);
    put_frame(&stream, inside.data, inside.len, &identity); /* a frame is not a valid Message */
    const outcome expected = {.frames = 1, .discarded = stream.len - inside.len};
    const stream_rules rules = {HK_MESSAGE_MAX, ring, false};
    check_stream("signed, but malformed", &rules, &stream, &expected);
    hk_buffer_clear(&stream);
    hk_buffer_clear(&inside);
    hk_identity_clear(&identity);
    hk_keyring_free(ring);
}

/* A signer may have an empty name; its verified frame differs from an unsigned one. */
static void
test_empty_name_is_a_name(void)
{
    hk_keyring *ring = hk_keyring_new();
    hk_buffer message = sample_buffer();
    hk_buffer stream = sample_buffer();
    hk_buffer header = sample_buffer();
    hk_identity identity = sample_identity("", 0, HK_SHA1, "");
    must(hk_keyring_add(ring, slice_of(""), 0, slice_of(""), NULL));
    put_smallest(&message);
    put_frame(&stream, message.data, message.len, &identity);
    /* And the same with neither name nor version in the header. */
    put_hex(&header, "0814 1801 3214");
    put_raw(&header, stream.data + 2 + stream.data[1] - 20, 20);
    put_frame_start(&stream, header.data, header.len);
    put_raw(&stream, message.data, message.len);

    hk_reader r;
    hk_frame frame;
    hk_reader_init(&r, HK_MESSAGE_MAX, ring, true);
    hk_reader_feed(&r, stream.data, stream.len);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(hk_reader_next(&r, &frame, NULL), HK_OK);
        CHECK(frame.signer.data != NULL);
        CHECK_SIZE(frame.signer.len, 0);
    }
    CHECK_INT(hk_reader_next(&r, &frame, NULL), HK_ERR_TRUNCATED);
    hk_reader_clear(&r);
    hk_identity_clear(&identity);
    hk_buffer_clear(&header);
    hk_buffer_clear(&stream);
    hk_buffer_clear(&message);
    hk_keyring_free(ring);
}

int
main(void)
{
    test_garbage_costs_one_byte_at_a_time();
    test_torn_frames_are_looked_into();
    test_incomplete_tail_is_pending();
    test_empty_message_is_malformed();
    test_oversize_is_skipped_whole();
    test_oversize_of_16_mib();
    test_signatures();
    test_odd_signatures();
    test_malformed_comes_before_signature();
    test_empty_name_is_a_name();
    return check_report();
}
