/* test_block.c -- blocks of frames: their limits, what they borrow, copies, one signer a block.
 *
 * test_reader.c and fuzz_reader.c compare whole streams, by blocks and frame by frame. */
#include "core/wire/hk_block.h"

#include <stdlib.h>

#include "core/wire/hk_reader.h"
#include "check.h"
#include "sample.h"

hk_status __real_hk_verify(const hk_signer *signer, hk_slice data, hk_slice digest, hk_error *err);
hk_status __wrap_hk_verify(const hk_signer *signer, hk_slice data, hk_slice digest, hk_error *err);

static size_t verified; /* calls of hk_verify */

hk_status
__wrap_hk_verify(const hk_signer *signer, hk_slice data, hk_slice digest, hk_error *err)
{
    verified++;
    return __real_hk_verify(signer, data, digest, err);
}

/* A frame of `size` bytes of payload. */
static void
put_payload(hk_buffer *out, size_t size, const hk_identity *identity)
{
    hk_buffer message = sample_buffer();
    hk_buffer payload = sample_buffer();
    put_smallest(&message);
    while (payload.len < size) {
        put_raw(&payload, "x", 1);
    }
    put_entry(&message, HK_TAG_PAYLOAD, payload.data, payload.len);
    if (message.len <= HK_MESSAGE_MAX) {
        put_frame(out, message.data, message.len, identity);
    } else {
        uint8_t header[1 + HK_VARINT_MAX] = {HK_TAG_HEADER_LENGTH};
        put_frame_start(out, header, (size_t)(hk_varint_put(header + 1, message.len) - header));
        put_raw(out, message.data, message.len);
    }
    hk_buffer_clear(&payload);
    hk_buffer_clear(&message);
}

/* The counts of the next blocks, as text: "3 1 ". */
static const char *
counts_of(hk_reader *r, hk_block *block)
{
    static char text[200];
    size_t at = 0;
    text[0] = '\0';
    while (hk_reader_next_block(r, block, NULL) == HK_OK && at < sizeof text - 24) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%zu ", block->count);
    }
    return text;
}

static void
test_limits(void)
{
    hk_buffer stream = sample_buffer();
    hk_reader r;
    hk_block block;
    hk_block_init(&block);
    hk_reader_init(&r, HK_LENGTH_MAX, NULL, false);

    for (size_t i = 0; i < 2 * HK_BLOCK_FRAMES + 3; i++) {
        put_payload(&stream, 1, NULL);
    }
    hk_reader_feed(&r, stream.data, stream.len);
    CHECK_TEXT(counts_of(&r, &block), "1024 1024 3 ");

    stream.len = 0;
    put_payload(&stream, 10, NULL);
    put_payload(&stream, HK_BLOCK_MAX, NULL); /* alone */
    put_payload(&stream, 10, NULL);
    put_payload(&stream, HK_BLOCK_MAX - 100, NULL);
    put_payload(&stream, 10, NULL); /* 37 bytes: two of them beside the 31 would be too many */
    hk_reader_feed(&r, stream.data, stream.len);
    CHECK_TEXT(counts_of(&r, &block), "1 1 2 1 ");

    CHECK_SIZE(hk_reader_pending(&r), 0);
    CHECK_SIZE(r.discarded_bytes, 0);
    hk_block_clear(&block);
    hk_reader_clear(&r);
    hk_buffer_clear(&stream);
}

/* Frames of a chunk are not copied; one that spans two chunks is, and those behind it are not. */
static void
test_bytes_are_borrowed(void)
{
    hk_buffer stream = sample_buffer();
    hk_reader r;
    hk_block block;
    hk_block_init(&block);
    hk_reader_init(&r, HK_MESSAGE_MAX, NULL, false);
    for (int i = 0; i < 9; i++) {
        put_payload(&stream, 400, NULL);
    }
    const size_t size = stream.len / 9;
    const size_t cut = 2 * size + size / 2;
    const uint8_t *rest = stream.data + 3 * size;

    hk_reader_feed(&r, stream.data, cut);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_OK);
    CHECK_SIZE(block.count, 2);
    CHECK(block.frames.data == stream.data && block.frames.len == 2 * size);
    CHECK(hk_block_message(&block, 1)->uuid ==
          stream.data + size + (size - block.places[1].len) + 2);
    CHECK_SIZE(r.delivered_bytes, 2 * size);
    CHECK_SIZE(hk_reader_pending(&r), cut - 2 * size);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_ERR_TRUNCATED);

    hk_reader_feed(&r, stream.data + cut, stream.len - cut);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_OK);
    CHECK_SIZE(block.count, 1);
    CHECK_BYTES(block.frames.data, block.frames.len, stream.data + 2 * size, size);
    CHECK(block.frames.data < stream.data || block.frames.data >= stream.data + stream.len);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_OK);
    CHECK_SIZE(block.count, 6);
    CHECK(block.frames.data == rest);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_ERR_TRUNCATED);
    hk_block_clear(&block);
    hk_reader_clear(&r);
    hk_buffer_clear(&stream);
}

/* A copy needs neither the chunk nor the reader. */
static void
test_copies(void)
{
    static const bool keep[] = {false, true, true};
    hk_buffer stream = sample_buffer();
    hk_buffer message = sample_buffer();
    hk_reader r;
    hk_block block;
    hk_block some;
    hk_block_init(&block);
    hk_block_init(&some);
    hk_reader_init(&r, HK_MESSAGE_MAX, NULL, false);
    put_payload(&stream, 20, NULL);
    put_hex(&message, HEAD "2205 68656c6c6f 1a03 616473"); /* the payload before the type */
    put_frame(&stream, message.data, message.len, NULL);
    put_payload(&stream, 30, NULL);
    uint8_t *chunk = sample_exact(&stream);

    hk_reader_feed(&r, chunk, stream.len);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_OK);
    CHECK_SIZE(block.count, 3);
    CHECK_INT(hk_block_select(&some, &block, keep, NULL), HK_OK);
    CHECK_INT(hk_block_own(&block, NULL), HK_OK);
    CHECK_INT(hk_block_own(&block, NULL), HK_OK); /* it has its own bytes already */
    free(chunk);
    hk_reader_clear(&r);
    hk_block moved;
    CHECK_INT(hk_block_move(&moved, &block), HK_OK);
    CHECK_SIZE(moved.room, 3); /* of 64 */
    CHECK_SIZE(block.count, 0);
    CHECK(block.own == NULL && block.spare == NULL && block.room > 0);
    hk_block_clear(&block);
    CHECK_INT(hk_block_move(&block, &moved), HK_OK);
    CHECK(moved.places == NULL);

    CHECK_BYTES(block.frames.data, block.frames.len, stream.data, stream.len);
    CHECK_SIZE(hk_block_message(&block, 0)->payload.len, 20);
    CHECK_BYTES(hk_block_message(&block, 1)->logger.data, hk_block_message(&block, 1)->logger.len,
                (const uint8_t *)"hello", 5);
    CHECK_SIZE(some.count, 2);
    const hk_message *foreign = hk_block_message(&some, 0);
    CHECK_BYTES(foreign->type.data, foreign->type.len, (const uint8_t *)"ads", 3);
    const hk_message *last = hk_block_message(&some, 1);
    CHECK_SIZE(last->payload.len, 30);
    CHECK(last->payload.data > some.own && last->payload.data < some.own + some.frames.len);
    hk_block_clear(&some);
    static const bool none[3];
    CHECK_INT(hk_block_select(&some, &block, none, NULL), HK_OK);
    CHECK_SIZE(some.count, 0);
    hk_block_clear(&some);
    hk_block_clear(&block);
    hk_buffer_clear(&message);
    hk_buffer_clear(&stream);
}

/* A block ends where the signer changes, and no digest is computed twice for that. */
static void
test_one_signer_a_block(void)
{
    hk_buffer stream = sample_buffer();
    hk_keyring *ring = hk_keyring_new();
    const hk_identity ops = sample_identity("ops", 1, HK_SHA1, "key");
    const hk_identity newer = sample_identity("ops", 2, HK_SHA1, "key");
    const hk_identity empty = sample_identity("", 1, HK_MD5, "key");
    const hk_identity wrong = sample_identity("ops", 1, HK_SHA1, "wrong");
    const hk_identity *const order[] = {NULL,   NULL,   &ops,   &ops, &newer, &ops,
                                        &empty, &empty, &wrong, NULL, &empty, &ops};
    hk_reader r;
    hk_block block;
    char names[200] = "";
    must(hk_keyring_add(ring, slice_of("ops"), 1, slice_of("key"), NULL));
    must(hk_keyring_add(ring, slice_of("ops"), 2, slice_of("key"), NULL));
    must(hk_keyring_add(ring, slice_of(""), 1, slice_of("key"), NULL));
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        put_payload(&stream, 10, order[i]);
    }
    hk_block_init(&block);
    hk_reader_init(&r, HK_MESSAGE_MAX, ring, false);
    hk_reader_feed(&r, stream.data, stream.len);
    while (hk_reader_next_block(&r, &block, NULL) == HK_OK) {
        const hk_slice signer = hk_block_signer(&block);
        const size_t len = strlen(names);
        (void)snprintf(names + len, sizeof names - len, "%zu %s%.*s/%u, ", block.count,
                       signer.data == NULL ? "-" : "", (int)signer.len,
                       signer.data == NULL ? "" : (const char *)signer.data, block.version);
    }
    CHECK_TEXT(names, "2 -/0, 2 ops/1, 1 ops/2, 1 ops/1, 2 /1, 1 -/0, 1 /1, 1 ops/1, ");
    CHECK_SIZE(verified, 9); /* the number of signed frames */
    CHECK_SIZE(r.refused[HK_REFUSED_BAD_DIGEST], 1);
    CHECK_SIZE(r.delivered_bytes + r.refused_bytes, stream.len);
    hk_block_clear(&block);
    hk_reader_clear(&r);
    hk_keyring_free(ring);
    hk_buffer_clear(&stream);
    hk_identity identities[] = {ops, newer, empty, wrong};
    for (size_t i = 0; i < sizeof identities / sizeof identities[0]; i++) {
        hk_identity_clear(&identities[i]);
    }
}

/* What follows the last frame is counted with the block, and both ways may be mixed. */
static void
test_account(void)
{
    hk_buffer stream = sample_buffer();
    hk_reader r;
    hk_block block;
    hk_frame frame;
    hk_block_init(&block);
    hk_reader_init(&r, HK_MESSAGE_MAX, NULL, false);
    put_payload(&stream, 10, NULL);
    put_payload(&stream, 10, NULL);
    const size_t size = stream.len / 2;
    put_hex(&stream, "00ff00");
    put_payload(&stream, 10, NULL);
    put_payload(&stream, 10, NULL);
    hk_reader_feed(&r, stream.data, stream.len);

    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_OK);
    CHECK_SIZE(block.count, 2);
    CHECK_SIZE(r.delivered_bytes, 2 * size);
    CHECK_SIZE(r.discarded_bytes, 3);
    CHECK_SIZE(hk_reader_pending(&r), 2 * size);
    CHECK_SIZE(hk_reader_tail(&r), 3 + 2 * size);
    CHECK_INT(hk_reader_next(&r, &frame, NULL), HK_OK);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_OK);
    CHECK_SIZE(block.count, 1);
    CHECK_SIZE(r.delivered_bytes, 4 * size);
    CHECK_SIZE(hk_reader_tail(&r), 0);
    CHECK_INT(hk_reader_next_block(&r, &block, NULL), HK_ERR_TRUNCATED);
    CHECK_SIZE(block.count, 0);
    hk_block_clear(&block);
    hk_reader_clear(&r);
    hk_buffer_clear(&stream);
}

int
main(void)
{
    test_limits();
    test_bytes_are_borrowed();
    test_copies();
    test_one_signer_a_block();
    test_account();
    return check_report();
}
