/* fuzz_reader.c -- fuzz target: any stream, in any chunks, with any settings, must give the result
 * of the model, frame by frame and by blocks.
 *
 *     byte 0     bits 0-1 the limit, bits 2-3 the keys, bit 4 whether signatures are required,
 *                bit 5 whether what follows is a recipe
 *     bytes 1-2  seed of the chunks
 *     rest       the stream itself, or a recipe: kind, length in two bytes, contents, repeated
 *
 * A recipe builds valid lengths and digests, which mutation would hardly ever find. */
#include <stdio.h>
#include <stdlib.h>

#include "sample.h"
#include "transcript.h"

#define STREAM_MAX 8192u /* bytes: the model and the byte-wise run are slow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const size_t limits[] = {64, 300, 4096, HK_MESSAGE_MAX};

enum step { RAW, FRAMED, BY_SHA1, BY_MD5, BY_STRANGER, TORN, OVERSIZE, AS_PAYLOAD, STEPS };

static hk_keyring *full;
static hk_keyring *empty;
static hk_identity sha1;
static hk_identity md5;
static hk_identity stranger;

static void
prepare(void)
{
    if (full != NULL) {
        return;
    }
    full = hk_keyring_new();
    empty = hk_keyring_new();
    must(full != NULL && empty != NULL ? HK_OK : HK_ERR_NOMEM);
    must(hk_keyring_add(full, slice_of("a"), 1, slice_of("key"), NULL));
    sha1 = sample_identity("a", 1, HK_SHA1, "key");
    md5 = sample_identity("a", 1, HK_MD5, "key");
    stranger = sample_identity("a", 1, HK_SHA1, "kez");
}

/* Appends a frame whose header claims a Message of `claimed` bytes, then the contents. */
static void
put_claim(hk_buffer *out, size_t claimed, const uint8_t *data, size_t len)
{
    uint8_t header[1 + HK_VARINT_MAX] = {HK_TAG_HEADER_LENGTH};
    put_frame_start(out, header, (size_t)(hk_varint_put(header + 1, claimed) - header));
    put_raw(out, data, len);
}

static void
put_step(hk_buffer *out, enum step step, const uint8_t *data, size_t len, size_t limit)
{
    static const hk_identity *const signers[] = {
        [BY_SHA1] = &sha1, [BY_MD5] = &md5, [BY_STRANGER] = &stranger};
    hk_buffer message = sample_buffer();
    switch (step) {
        case RAW:
        case STEPS:
            put_raw(out, data, len);
            break;
        case FRAMED:
            put_frame(out, data, len, NULL);
            break;
        case BY_SHA1:
        case BY_MD5:
        case BY_STRANGER:
            put_smallest(&message);
            put_raw(&message, data, len);
            put_frame(out, message.data, message.len, signers[step]);
            break;
        case TORN:
            put_claim(out, len + 7, data, len);
            break;
        case OVERSIZE:
            put_claim(out, limit + 1 + len / 2, data, len);
            break;
        case AS_PAYLOAD:
            put_smallest(&message);
            put_entry(&message, HK_TAG_PAYLOAD, data, len);
            put_frame(out, message.data, message.len, NULL);
            break;
    }
    hk_buffer_clear(&message);
}

static void
follow_recipe(hk_buffer *out, const uint8_t *data, size_t len, size_t limit)
{
    while (len >= 3 && out->len < STREAM_MAX) {
        const size_t claimed = (size_t)data[1] | (size_t)data[2] << 8;
        const size_t n = claimed < len - 3 ? claimed : len - 3;
        put_step(out, (enum step)(data[0] % STEPS), data + 3, n, limit);
        data += 3 + n;
        len -= 3 + n;
    }
}

static void
compare(const transcript *model, const transcript *got, const char *chunks)
{
    const char *difference = transcript_difference(model, got);
    if (difference != NULL) {
        fprintf(stderr, "%s, between the model and %s\n", difference, chunks);
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3) {
        return 0;
    }
    prepare();
    const hk_keyring *const rings[] = {NULL, NULL, empty, full};
    const stream_rules rules = {limits[data[0] & 3], rings[data[0] >> 2 & 3],
                                (data[0] >> 4 & 1) == 1};
    hk_buffer stream = sample_buffer();
    if ((data[0] >> 5 & 1) == 1) {
        follow_recipe(&stream, data + 3, len - 3, rules.max_message);
    } else {
        put_raw(&stream, data + 3, len - 3);
    }

    transcript model = transcript_by_model(&rules, stream.data, stream.len);
    transcript t = transcript_of(&rules, stream.data, stream.len, chunk_whole, NULL);
    compare(&model, &t, "the stream as a whole");
    transcript_clear(&t);
    t = transcript_by_blocks(&rules, stream.data, stream.len, chunk_whole, NULL);
    compare(&model, &t, "blocks of the stream as a whole");
    transcript_clear(&t);
    uint64_t seed = (uint64_t)data[1] | (uint64_t)data[2] << 8;
    t = transcript_by_blocks(&rules, stream.data, stream.len, chunk_random, &seed);
    compare(&model, &t, "blocks of random chunks");
    transcript_clear(&t);
    t = transcript_of(&rules, stream.data, stream.len, chunk_random, &seed);
    compare(&model, &t, "random chunks");
    transcript_clear(&t);
    if (stream.len <= 1024) {
        size_t one = 1;
        t = transcript_of(&rules, stream.data, stream.len, chunk_fixed, &one);
        compare(&model, &t, "single bytes");
        transcript_clear(&t);
    }
    transcript_clear(&model);
    hk_buffer_clear(&stream);
    return 0;
}
