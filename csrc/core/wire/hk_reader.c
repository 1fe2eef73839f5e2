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
static hk_status
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

/* HK_OK: the frame may be delivered. HK_ERR_DIGEST: *refusal says why it may not. */
static hk_status
check_signature(const hk_reader *r, const hk_header *header, hk_frame *frame, hk_refusal *refusal,
                hk_error *err)
{
    const hk_signer *signer;

    frame->signer = (hk_slice){NULL, 0};
    frame->version = 0;
    if (r->keys == NULL) {
        return HK_OK;
    }
    if (!header->has_hmac) {
        *refusal = HK_REFUSED_UNSIGNED;
        return r->require_signature ? HK_ERR_DIGEST : HK_OK;
    }
    hk_status status = hk_keyring_find(r->keys, header->signer, header->key_version, header->hash,
                                       &signer, refusal);
    if (status == HK_OK) {
        *refusal = HK_REFUSED_BAD_DIGEST;
        status = hk_verify(signer, frame->message, header->hmac, err);
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

hk_status
hk_reader_next(hk_reader *r, hk_frame *frame, hk_error *err)
{
    for (;;) {
        hk_slice v = view(r);
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
        if (v.data[0] != HK_RS) {
            const uint8_t *rs = memchr(v.data, HK_RS, v.len);
            discard(r, rs == NULL ? v.len : (size_t)(rs - v.data));
            continue;
        }

        hk_header header;
        size_t message_at = 0;
        hk_status status = read_start(r, v, &header, &message_at);
        if (status == HK_ERR_TRUNCATED) {
            continue;
        }
        if (status != HK_OK || header.message_length > HK_LENGTH_MAX) {
            discard(r, 1);
            continue;
        }
        const size_t total = message_at + header.message_length;
        if (header.message_length > r->max_message) {
            refuse(r, HK_REFUSED_OVERSIZE, total);
            continue;
        }
        if (v.len < total) {
            r->need = total;
            continue;
        }

        hk_message message;
        size_t examined;
        frame->message = (hk_slice){v.data + message_at, header.message_length};
        if (hk_decode_canonical(frame->message.data, frame->message.len, &message) != HK_OK &&
            hk_decode_validate(frame->message.data, frame->message.len, &examined, NULL) != HK_OK) {
            give_up(r, total, message_at + examined);
            continue;
        }
        hk_refusal refusal = HK_REFUSED_UNSIGNED;
        status = check_signature(r, &header, frame, &refusal, err);
        if (status == HK_ERR_DIGEST) {
            note_signer(r, refusal, &header);
            refuse(r, refusal, total);
            continue;
        }
        if (status != HK_OK) {
            return status;
        }
        r->delivered_bytes += total;
        consume(r, total);
        return HK_OK;
    }
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
}

void
hk_reader_close(hk_reader *r)
{
    hk_reader_abandon(r);
    r->skip = 0;
}
