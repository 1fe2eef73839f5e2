/* transcript.c -- reads a stream with hk_reader, and with the model that it must equal. */
#include "transcript.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire/hk_normalise.h"
#include "sample.h"

/* ---- chunkings ---- */

size_t
chunk_whole(void *state, size_t left)
{
    (void)state;
    return left;
}

size_t
chunk_fixed(void *state, size_t left)
{
    const size_t wanted = *(const size_t *)state;
    return wanted < left ? wanted : left;
}

size_t
chunk_split(void *state, size_t left)
{
    size_t *first = state;
    const size_t wanted = *first;
    *first = 0;
    return wanted > 0 && wanted < left ? wanted : left;
}

size_t
chunk_random(void *state, size_t left)
{
    uint64_t *seed = state;
    const uint64_t drawn = sample_random(seed);
    const size_t most = (size_t)1 << (drawn % 10); /* small chunks as often as large ones */
    const size_t wanted = 1 + (size_t)(drawn >> 32) % most;
    return wanted < left ? wanted : left;
}

/* ---- the reader ---- */

static void
set_fault(transcript *t, const char *fault)
{
    if (t->fault == NULL) {
        t->fault = fault;
    }
}

static void
add_frame(transcript *t, const hk_frame *frame)
{
    put_varint(&t->frames, frame->message.len);
    put_raw(&t->frames, frame->message.data, frame->message.len);
    put_varint(&t->frames, frame->signer.data == NULL ? 0 : 1 + frame->signer.len);
    put_raw(&t->frames, frame->signer.data, frame->signer.len);
    put_varint(&t->frames, frame->version);
    t->count++;
}

static void
check_account(transcript *t, const hk_reader *r, uint64_t fed)
{
    const uint64_t known = r->delivered_bytes + r->refused_bytes + r->discarded_bytes;
    if (known + hk_reader_pending(r) != fed) {
        set_fault(t, "fed is not delivered + refused + discarded + pending");
    }
}

static void
check_frame(transcript *t, const hk_frame *frame)
{
    hk_buffer spare = sample_buffer();
    hk_message message;
    if (hk_decode(frame->message.data, frame->message.len, &message, &spare, NULL) != HK_OK) {
        set_fault(t, "a delivered message does not decode");
    }
    hk_buffer_clear(&spare);
}

/* Reads all frames that the reader has; returns the status that ended it. */
static hk_status
read_frames(transcript *t, hk_reader *r, uint64_t fed)
{
    hk_frame frame;
    hk_status status;
    while ((status = hk_reader_next(r, &frame, NULL)) == HK_OK) {
        check_account(t, r, fed);
        check_frame(t, &frame);
        add_frame(t, &frame);
    }
    return status;
}

/* ---- blocks ---- */

static bool
same_slice(hk_slice a, hk_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool
same_message(const hk_message *a, const hk_message *b)
{
    return memcmp(a->uuid, b->uuid, HK_UUID_SIZE) == 0 && a->timestamp == b->timestamp &&
           a->severity == b->severity && a->pid == b->pid && a->valueless == b->valueless &&
           same_slice(a->type, b->type) && same_slice(a->logger, b->logger) &&
           same_slice(a->payload, b->payload) && same_slice(a->env_version, b->env_version) &&
           same_slice(a->hostname, b->hostname) && same_slice(a->fields, b->fields);
}

static void
check_block(transcript *t, const hk_block *block)
{
    size_t size = 0;
    if (block->count == 0 || block->count > HK_BLOCK_FRAMES ||
        (block->count > 1 && block->frames.len > HK_BLOCK_MAX)) {
        set_fault(t, "a block is over its limits, or empty");
    }
    for (size_t i = 0; i < block->count; i++) {
        const hk_slice frame = hk_block_frame(block, i);
        const hk_slice bytes = hk_block_bytes(block, i);
        hk_buffer spare = sample_buffer();
        hk_message message;
        if (frame.data != block->frames.data + size || frame.len < bytes.len + HK_FRAME_OVERHEAD ||
            frame.data[0] != HK_RS || bytes.data + bytes.len != frame.data + frame.len) {
            set_fault(t, "the frames of a block do not lie one behind the other");
        } else if (hk_decode(bytes.data, bytes.len, &message, &spare, NULL) != HK_OK ||
                   !same_message(&message, hk_block_message(block, i))) {
            set_fault(t, "a decoded message of a block is not what hk_decode gives");
        }
        hk_buffer_clear(&spare);
        size += frame.len;
    }
    if (size != block->frames.len) {
        set_fault(t, "the frames of a block are not all of its bytes");
    }
}

/* Checks that a copy of every second frame, and a copy of all, are blocks too. */
static void
check_copies(transcript *t, hk_block *block)
{
    bool keep[HK_BLOCK_FRAMES];
    hk_block half;
    size_t kept = 0;
    for (size_t i = 0; i < block->count; i++) {
        keep[i] = i % 2 == 0;
    }
    hk_block_init(&half);
    must(hk_block_select(&half, block, keep, NULL));
    must(hk_block_own(block, NULL));
    check_block(t, &half);
    check_block(t, block);
    for (size_t i = 0; i < block->count; i += 2) {
        if (!same_slice(hk_block_frame(block, i), hk_block_frame(&half, kept++))) {
            set_fault(t, "a selected frame differs");
        }
    }
    if (kept != half.count || half.version != block->version ||
        !same_slice(hk_block_signer(&half), hk_block_signer(block))) {
        set_fault(t, "a selection has another count or another signer");
    }
    hk_block_clear(&half);
}

static hk_status
read_blocks(transcript *t, hk_reader *r, uint64_t fed)
{
    hk_block block;
    hk_status status;
    hk_block_init(&block);
    while ((status = hk_reader_next_block(r, &block, NULL)) == HK_OK) {
        check_account(t, r, fed);
        check_block(t, &block);
        check_copies(t, &block);
        for (size_t i = 0; i < block.count; i++) {
            const hk_frame frame = {hk_block_bytes(&block, i), hk_block_signer(&block),
                                    block.version};
            add_frame(t, &frame);
        }
    }
    if (block.count != 0) {
        set_fault(t, "a block without a frame to deliver is not empty");
    }
    hk_block_clear(&block);
    return status;
}

static transcript
read_stream(const stream_rules *rules, const uint8_t *data, size_t len, chunking next_chunk,
            void *state, hk_status (*read)(transcript *, hk_reader *, uint64_t))
{
    transcript t = {.frames = sample_buffer()};
    hk_reader r;
    hk_frame frame;
    hk_status status = HK_ERR_TRUNCATED;

    hk_reader_init(&r, rules->max_message, rules->keys, rules->require_signature);
    for (size_t fed = 0; fed < len && status == HK_ERR_TRUNCATED;) {
        const size_t n = next_chunk(state, len - fed);
        uint8_t *chunk = malloc(n); /* its own allocation, so that ASan detects a read past it */
        if (chunk == NULL) {
            abort();
        }
        memcpy(chunk, data + fed, n);
        fed += n;
        hk_reader_feed(&r, chunk, n);
        check_account(&t, &r, fed);
        status = read(&t, &r, fed);
        check_account(&t, &r, fed);
        free(chunk);
        if (hk_reader_next(&r, &frame, NULL) != status) {
            set_fault(&t, "a second hk_reader_next returned another status");
        }
    }
    if (status != HK_ERR_TRUNCATED) {
        set_fault(&t, "the reader did not read to the end");
    }
    t.delivered = r.delivered_bytes;
    t.refused_bytes = r.refused_bytes;
    t.discarded = r.discarded_bytes;
    t.pending = hk_reader_pending(&r);
    memcpy(t.refused, r.refused, sizeof t.refused);
    hk_reader_close(&r);
    check_account(&t, &r, len);
    if (hk_reader_pending(&r) != 0 || r.discarded_bytes != t.discarded + t.pending) {
        set_fault(&t, "closing did not discard what was pending");
    }
    hk_reader_clear(&r);
    return t;
}

transcript
transcript_of(const stream_rules *rules, const uint8_t *data, size_t len, chunking next_chunk,
              void *state)
{
    return read_stream(rules, data, len, next_chunk, state, read_frames);
}

transcript
transcript_by_blocks(const stream_rules *rules, const uint8_t *data, size_t len,
                     chunking next_chunk, void *state)
{
    return read_stream(rules, data, len, next_chunk, state, read_blocks);
}

/* ---- the model ---- */

enum verdict { GARBAGE, MALFORMED, INCOMPLETE, REFUSED, GOOD };

/* Classifies data[0..len), whose first byte is HK_RS. *total: the length of the frame;
 * *examined: the bytes that were examined before its Message was found malformed. */
static enum verdict
classify(const stream_rules *rules, const uint8_t *data, size_t len, size_t *total,
         size_t *examined, hk_frame *frame, hk_refusal *why)
{
    if (len < 2) {
        return INCOMPLETE;
    }
    const size_t header_len = data[1];
    const size_t here = len - 2 < header_len ? len - 2 : header_len;
    hk_header header;
    if (header_len == 0) {
        return GARBAGE;
    }
    const hk_status status = hk_header_read(data + 2, here, header_len, &header);
    if (status == HK_ERR_CORRUPT) {
        return GARBAGE;
    }
    if (len < 3 + header_len) {
        return INCOMPLETE;
    }
    if (data[2 + header_len] != HK_US || header.message_length > HK_LENGTH_MAX) {
        return GARBAGE;
    }
    *total = 3 + header_len + header.message_length;
    if (header.message_length > rules->max_message) {
        *why = HK_REFUSED_OVERSIZE;
        return REFUSED;
    }
    if (len < *total) {
        return INCOMPLETE;
    }
    *frame = (hk_frame){.message = {data + 3 + header_len, header.message_length}};
    if (hk_decode_validate(frame->message.data, frame->message.len, examined, NULL) != HK_OK) {
        *examined += 3 + header_len;
        return MALFORMED;
    }
    if (rules->keys == NULL || (!header.has_hmac && !rules->require_signature)) {
        return GOOD;
    }
    *why = HK_REFUSED_UNSIGNED;
    if (!header.has_hmac) {
        return REFUSED;
    }
    const hk_signer *signer;
    if (hk_keyring_find(rules->keys, header.signer, header.key_version, header.hash, &signer,
                        why) != HK_OK) {
        return REFUSED;
    }
    *why = HK_REFUSED_BAD_DIGEST;
    if (hk_verify(signer, frame->message, header.hmac, NULL) != HK_OK) {
        return REFUSED;
    }
    frame->signer = header.signer.data != NULL ? header.signer : frame->message;
    frame->signer.len = header.signer.len;
    frame->version = header.key_version;
    return GOOD;
}

/* Returns the allowance after n more bytes were read. */
static uint64_t
earn(uint64_t allowance, size_t n)
{
    const uint64_t sum = allowance + (uint64_t)n * HK_READER_ALLOWANCE;
    return sum < HK_READER_ALLOWANCE_MAX ? sum : HK_READER_ALLOWANCE_MAX;
}

transcript
transcript_by_model(const stream_rules *rules, const uint8_t *data, size_t len)
{
    transcript t = {.frames = sample_buffer()};
    uint64_t allowance = HK_READER_ALLOWANCE_START;
    size_t at = 0;

    while (at < len) {
        size_t total = 1;
        size_t examined = 0;
        hk_frame frame;
        hk_refusal why = HK_REFUSED_OVERSIZE;
        enum verdict verdict = GARBAGE;
        if (data[at] == HK_RS) {
            verdict = classify(rules, data + at, len - at, &total, &examined, &frame, &why);
        }
        if (verdict == INCOMPLETE) {
            break;
        }
        if (verdict == GARBAGE || (verdict == MALFORMED && examined <= allowance)) {
            allowance -= examined;
            total = 1;
        }
        const size_t here = total < len - at ? total : len - at;
        if (verdict == REFUSED) {
            t.refused[why]++;
            t.refused_bytes += here;
        } else if (verdict == GOOD) {
            t.delivered += here;
            add_frame(&t, &frame);
        } else {
            t.discarded += here;
        }
        allowance = earn(allowance, here);
        at += here;
    }
    t.pending = len - at;
    return t;
}

/* ---- comparing ---- */

const char *
transcript_difference(const transcript *a, const transcript *b)
{
    if (a->fault != NULL || b->fault != NULL) {
        return a->fault != NULL ? a->fault : b->fault;
    }
    if (a->count != b->count) {
        return "the number of frames differs";
    }
    if (a->frames.len != b->frames.len ||
        (a->frames.len > 0 && memcmp(a->frames.data, b->frames.data, a->frames.len) != 0)) {
        return "the frames differ";
    }
    if (a->delivered != b->delivered) {
        return "the bytes delivered differ";
    }
    if (memcmp(a->refused, b->refused, sizeof a->refused) != 0 ||
        a->refused_bytes != b->refused_bytes) {
        return "what is refused differs";
    }
    if (a->discarded != b->discarded) {
        return "the bytes discarded differ";
    }
    return a->pending == b->pending ? NULL : "the bytes pending differ";
}

void
transcript_clear(transcript *t)
{
    hk_buffer_clear(&t->frames);
}
