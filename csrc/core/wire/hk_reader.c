/* hk_reader.c -- splits a stream of bytes into frames. */
#include "hk_reader.h"

#include <assert.h>
#include <string.h>

#include "hk_decode.h"

void
hk_reader_init(hk_reader *r, size_t max_message, const hk_keyring *keys, bool require_signature)
{
    assert(max_message <= HK_LENGTH_MAX);
    memset(r, 0, sizeof *r);
    r->max_message = max_message;
    r->keys = keys;
    r->require_signature = require_signature;
    r->allowance = HK_READER_ALLOWANCE_START;
    /* One frame, as much consumed data that was not moved away yet, and doubling. */
    hk_buffer_init(&r->pending, NULL, 0, 4 * (max_message + HK_FRAME_ROOM));
}

void
hk_reader_clear(hk_reader *r)
{
    hk_buffer_clear(&r->pending);
}

size_t
hk_reader_pending(const hk_reader *r)
{
    /* Bytes that were copied from the chunk into pending are counted as part of the chunk. */
    if (r->pending.len > 0) {
        return r->carried - r->at + r->chunk.len;
    }
    return r->chunk.len > 0 ? r->chunk.len - r->at : 0;
}

uint64_t
hk_reader_tail(const hk_reader *r)
{
    return r->refused_bytes + r->discarded_bytes - r->lost_before + hk_reader_pending(r);
}

/* ---- the view: the unread bytes of pending, or of the chunk when pending is empty ---- */

static hk_slice
view(const hk_reader *r)
{
    if (r->pending.len > 0) {
        return (hk_slice){r->pending.data + r->at, r->pending.len - r->at};
    }
    if (r->chunk.len == 0) {
        return (hk_slice){NULL, 0};
    }
    return (hk_slice){r->chunk.data + r->at, r->chunk.len - r->at};
}

/* Consumes n bytes of the view. The allowance grows with the bytes consumed, not with the bytes
 * fed; otherwise the chunk sizes would decide which frames are found. Once all bytes from earlier
 * chunks are consumed, reading continues in the chunk itself, where no byte needs to be copied. The
 * memory of pending is not freed: the frame's slices still point into it. */
static void
consume(hk_reader *r, size_t n)
{
    const uint64_t earned = (uint64_t)n * HK_READER_ALLOWANCE;
    const uint64_t room = HK_READER_ALLOWANCE_MAX - r->allowance;
    r->allowance += earned < room ? earned : room;
    r->at += n;
    r->need = 0;
    r->verified = false;
    if (r->pending.len > 0 && r->at >= r->carried) {
        r->at -= r->carried;
        r->pending.len = 0;
        r->carried = 0;
    }
}

static void
discard(hk_reader *r, size_t n)
{
    r->discarded_bytes += n;
    consume(r, n);
}

static void
deliver(hk_reader *r, size_t n)
{
    r->delivered_bytes += n;
    r->lost_before = r->refused_bytes + r->discarded_bytes;
    consume(r, n);
}

/* Refuses a frame of `total` bytes: consumes those that have arrived, skips the rest later. */
static void
refuse(hk_reader *r, hk_refusal why, uint64_t total)
{
    const size_t here = view(r).len;
    const size_t now = total < here ? (size_t)total : here;
    r->refused[why]++;
    r->refused_bytes += now;
    r->skip = total - now;
    consume(r, now);
}

void
hk_reader_feed(hk_reader *r, const uint8_t *data, size_t len)
{
    assert(r->chunk.len == 0);
    r->chunk = (hk_slice){data, len};
    if (r->pending.len == 0) {
        r->at = 0;
    }
}

/* Extends the view to r->need bytes with bytes of the chunk. HK_ERR_TRUNCATED: the chunk has too
 * few; all of them are now in pending, and the chunk is no longer referenced. */
static hk_status
fill(hk_reader *r)
{
    if (r->pending.len == 0) {
        const hk_slice rest = view(r);
        if (rest.len > 0) {
            const hk_status status = hk_buffer_append(&r->pending, rest.data, rest.len);
            if (status != HK_OK) {
                return status;
            }
        }
        r->at = 0;
        r->carried = r->pending.len;
        r->chunk = (hk_slice){NULL, 0};
        return HK_ERR_TRUNCATED;
    }
    const size_t copied = r->pending.len - r->carried;
    const size_t rest = r->chunk.len - copied;
    if (rest > 0) {
        const size_t lacking = r->need - (r->pending.len - r->at);
        /* At least HK_FRAME_ROOM, so that a header is not parsed again for each of its bytes. */
        const size_t wanted = lacking < HK_FRAME_ROOM ? HK_FRAME_ROOM : lacking;
        const size_t n = wanted < rest ? wanted : rest;
        const hk_status status = hk_buffer_append(&r->pending, r->chunk.data + copied, n);
        if (status != HK_OK || n >= lacking) {
            return status;
        }
    }
    /* Moves the unread bytes only when they are the smaller half, so that the cost is linear. */
    if (r->at > r->pending.len / 2) {
        hk_buffer_consume(&r->pending, r->at);
        r->at = 0;
    }
    r->carried = r->pending.len;
    r->chunk = (hk_slice){NULL, 0};
    return HK_ERR_TRUNCATED;
}

/* ---- one frame ---- */

/* Reads the start of a frame at v. HK_OK: the header is complete, *message_at is the offset of the
 * Message. HK_ERR_CORRUPT: v is not the start of a frame. HK_ERR_TRUNCATED: call again when v has
 * r->need bytes. */
static inline hk_status
read_start(hk_reader *r, hk_slice v, hk_header *header, size_t *message_at)
{
    if (v.len < 2) {
        r->need = 2;
        return HK_ERR_TRUNCATED;
    }
    const size_t total = v.data[1];
    if (total == 0) {
        return HK_ERR_CORRUPT;
    }
    /* The header of every unsigned message of less than 16 KiB: its length alone, in one byte or
     * two. */
    if (v.len >= 6 && v.data[2] == HK_TAG_HEADER_LENGTH) {
        const uint8_t *d = v.data;
        if (total == 2 && d[3] < 0x80 && d[4] == HK_US) {
            *header = (hk_header){.message_length = d[3]};
            *message_at = 5;
            return HK_OK;
        }
        if (total == 3 && d[3] >= 0x80 && d[4] < 0x80 && d[5] == HK_US) {
            *header = (hk_header){.message_length = (uint32_t)(d[3] & 0x7f) | (uint32_t)d[4] << 7};
            *message_at = 6;
            return HK_OK;
        }
    }
    const size_t here = v.len - 2 < total ? v.len - 2 : total;
    const hk_status status = hk_header_read(v.data + 2, here, total, header);
    if (status == HK_ERR_CORRUPT) {
        return status;
    }
    if (status == HK_ERR_TRUNCATED || v.len < HK_FRAME_OVERHEAD + total) {
        r->need = v.len + 1; /* any next byte may show that this is no header */
        return HK_ERR_TRUNCATED;
    }
    *message_at = HK_FRAME_OVERHEAD + total;
    return v.data[*message_at - 1] == HK_US ? HK_OK : HK_ERR_CORRUPT;
}

/* For a reader with keys. HK_OK: the frame may be delivered. HK_ERR_DIGEST: *refusal says why it
 * may not. */
static hk_status
check_signature(const hk_reader *r, const hk_header *header, hk_frame *frame, hk_refusal *refusal,
                hk_error *err)
{
    const hk_signer *signer;

    frame->signer = (hk_slice){NULL, 0};
    frame->version = 0;
    if (!header->has_hmac) {
        *refusal = HK_REFUSED_UNSIGNED;
        return r->require_signature ? HK_ERR_DIGEST : HK_OK;
    }
    hk_status status = hk_keyring_find(r->keys, header->signer, header->key_version, header->hash,
                                       &signer, refusal);
    if (status == HK_OK) {
        *refusal = HK_REFUSED_BAD_DIGEST;
        status = r->verified ? HK_OK : hk_verify(signer, frame->message, header->hmac, err);
    }
    if (status == HK_OK) {
        frame->signer = header->signer;
        if (frame->signer.data == NULL) {
            frame->signer.data = frame->message.data; /* not NULL: verified, with an empty name */
        }
        frame->version = header->key_version;
    }
    return status;
}

/* Keeps the signer of a frame that is refused, if it names one. */
static void
note_signer(hk_reader *r, hk_refusal why, const hk_header *header)
{
    if (!header->has_hmac) {
        return;
    }
    hk_refused_signer *last = &r->last_refused;
    assert(header->signer.len <= sizeof last->name); /* the header is not longer */
    last->why = why;
    last->version = header->key_version;
    last->len = header->signer.len;
    if (last->len > 0) {
        memcpy(last->name, header->signer.data, last->len);
    }
    r->has_refused_signer = true;
}

/* Discards the first byte of a malformed frame, so that frames inside of it are found; or, when the
 * allowance does not cover the `spent` bytes that were examined, the whole frame. */
static void
give_up(hk_reader *r, size_t total, size_t spent)
{
    if (spent <= r->allowance) {
        r->allowance -= spent;
        discard(r, 1);
    } else {
        discard(r, total);
    }
}

/* What the front of the view is. */
typedef enum {
    FOUND_FRAME,    /* a frame that may be delivered */
    FOUND_START,    /* perhaps the start of one: r->need bytes must be there to know more */
    FOUND_GARBAGE,  /* `total` bytes that start no frame */
    FOUND_TORN,     /* a frame of `total` bytes whose Message is malformed */
    FOUND_REFUSED,  /* a frame of `total` bytes that is refused */
    FOUND_NO_ANSWER /* `status` says why: no memory, or libcrypto failed */
} finding;

typedef struct {
    size_t total;       /* bytes */
    size_t examined;    /* bytes of a torn frame */
    hk_refusal refusal; /* of a refused one */
    bool canonical;     /* the Message of a frame */
    hk_status status;   /* without an answer */
    hk_header header;
} found;

/* Says what the front of the view v is. Moves and counts nothing. FOUND_FRAME: *frame describes it,
 * and *message is decoded if it is canonical. */
static inline finding
examine(hk_reader *r, hk_slice v, found *at, hk_frame *frame, hk_message *message, hk_error *err)
{
    size_t message_at = 0;

    if (v.data[0] != HK_RS) {
        const uint8_t *rs = memchr(v.data, HK_RS, v.len);
        at->total = rs == NULL ? v.len : (size_t)(rs - v.data);
        return FOUND_GARBAGE;
    }
    const hk_status status = read_start(r, v, &at->header, &message_at);
    if (status == HK_ERR_TRUNCATED) {
        return FOUND_START;
    }
    if (status != HK_OK || at->header.message_length > HK_LENGTH_MAX) {
        at->total = 1;
        return FOUND_GARBAGE;
    }
    const size_t len = at->header.message_length;
    at->total = message_at + len;
    if (len > r->max_message) {
        at->refusal = HK_REFUSED_OVERSIZE;
        return FOUND_REFUSED;
    }
    if (v.len < at->total) {
        r->need = at->total;
        return FOUND_START;
    }
    frame->message = (hk_slice){v.data + message_at, len};
    at->canonical = hk_decode_canonical(frame->message.data, len, message) == HK_OK;
    if (!at->canonical &&
        hk_decode_validate(frame->message.data, len, &at->examined, NULL) != HK_OK) {
        at->examined += message_at;
        return FOUND_TORN;
    }
    if (r->keys == NULL) {
        frame->signer = (hk_slice){NULL, 0};
        frame->version = 0;
        return FOUND_FRAME;
    }
    at->refusal = HK_REFUSED_UNSIGNED;
    at->status = check_signature(r, &at->header, frame, &at->refusal, err);
    if (at->status == HK_ERR_DIGEST) {
        note_signer(r, at->refusal, &at->header);
        return FOUND_REFUSED;
    }
    return at->status == HK_OK ? FOUND_FRAME : FOUND_NO_ANSWER;
}

/* Counts and consumes what examine has found, if it is neither a frame nor its start. */
static void
reject(hk_reader *r, finding what, const found *at)
{
    if (what == FOUND_GARBAGE) {
        discard(r, at->total);
    } else if (what == FOUND_TORN) {
        give_up(r, at->total, at->examined);
    } else if (what == FOUND_REFUSED) {
        refuse(r, at->refusal, at->total);
    }
}

/* Reads until a frame that may be delivered is at the front of the view; does not consume it.
 * Errors as hk_reader_next. */
static inline hk_status
find_frame(hk_reader *r, found *at, hk_frame *frame, hk_message *message, hk_error *err)
{
    for (;;) {
        const hk_slice v = view(r);
        if (r->skip > 0 && v.len > 0) {
            const size_t n = r->skip < v.len ? (size_t)r->skip : v.len;
            r->skip -= n;
            r->refused_bytes += n;
            consume(r, n);
            continue;
        }
        if (v.len < r->need || v.len == 0) {
            const hk_status status = fill(r);
            if (status == HK_OK) {
                continue;
            }
            return status == HK_ERR_TRUNCATED
                       ? status
                       : hk_fail(err, HK_ERR_NOMEM, 0, "no memory for an incomplete frame");
        }
        const finding what = examine(r, v, at, frame, message, err);
        if (what == FOUND_FRAME) {
            return HK_OK;
        }
        if (what == FOUND_NO_ANSWER) {
            return at->status;
        }
        reject(r, what, at);
    }
}

hk_status
hk_reader_next(hk_reader *r, hk_frame *frame, hk_error *err)
{
    hk_message message;
    found at;
    const hk_status status = find_frame(r, &at, frame, &message, err);
    if (status == HK_OK) {
        deliver(r, at.total);
    }
    return status;
}

/* ---- a run of frames ---- */

/* Adds a frame, whose decoded Message is already in the next place if it is canonical. */
static inline hk_status
add_to_block(hk_block *block, const found *at, const hk_frame *frame, hk_error *err)
{
    hk_block_place *place = &block->places[block->count];
    if (HK_UNLIKELY(!at->canonical)) {
        const hk_status status = hk_block_foreign(block, frame->message, &place->message, err);
        if (status != HK_OK) {
            return status;
        }
    }
    place->len = (uint32_t)frame->message.len;
    place->at = (uint32_t)(block->frames.len + at->total - frame->message.len);
    block->frames.len += at->total;
    block->count++;
    return HK_OK;
}

static bool
has_signer(const hk_block *block, const hk_frame *frame)
{
    if (!block->verified || frame->signer.data == NULL) {
        return block->verified == (frame->signer.data != NULL);
    }
    return block->version == frame->version && block->signer_len == frame->signer.len &&
           memcmp(block->signer_name, frame->signer.data, frame->signer.len) == 0;
}

hk_status
hk_reader_next_block(hk_reader *r, hk_block *block, hk_error *err)
{
    hk_frame frame;
    found at;

    hk_block_reset(block);
    if (hk_block_room(block) != HK_OK) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for the places of a block");
    }
    hk_status status = find_frame(r, &at, &frame, &block->places[0].message, err);
    if (status == HK_OK) {
        status = add_to_block(block, &at, &frame, err);
    }
    if (status != HK_OK) {
        hk_block_reset(block);
        return status;
    }
    const hk_slice v = view(r);
    block->frames.data = v.data;
    hk_block_sign(block, frame.signer, frame.version);

    /* Bytes of pending end where the chunk can be read in place. */
    const size_t carried = r->pending.len > 0 ? r->carried - r->at : v.len;
    const size_t most = carried < HK_BLOCK_MAX ? carried : HK_BLOCK_MAX;
    finding what = FOUND_FRAME;
    bool verified = false; /* of a frame that is left for the next block */
    r->verified = false;
    while (block->frames.len < most && block->count < HK_BLOCK_FRAMES &&
           hk_block_room(block) == HK_OK) {
        const hk_slice rest = {v.data + block->frames.len, v.len - block->frames.len};
        what = examine(r, rest, &at, &frame, &block->places[block->count].message, NULL);
        if (what != FOUND_FRAME) {
            break;
        }
        verified = frame.signer.data != NULL;
        if (at.total > HK_BLOCK_MAX - block->frames.len || !has_signer(block, &frame) ||
            add_to_block(block, &at, &frame, NULL) != HK_OK) {
            what = FOUND_START; /* it is the first of the next block */
            break;
        }
        verified = false;
    }
    deliver(r, block->frames.len);
    r->verified = verified;
    reject(r, what, &at); /* moves no byte of the block */
    return HK_OK;
}

void
hk_reader_abandon(hk_reader *r)
{
    r->discarded_bytes += hk_reader_pending(r);
    hk_buffer_clear(&r->pending);
    r->chunk = (hk_slice){NULL, 0};
    r->at = 0;
    r->carried = 0;
    r->need = 0;
    r->verified = false;
}

void
hk_reader_close(hk_reader *r)
{
    hk_reader_abandon(r);
    r->skip = 0;
}
