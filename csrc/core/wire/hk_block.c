/* hk_block.c -- a block: whole, checked frames that lie one behind the other in memory. */
#include "hk_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hk_normalise.h"

/* One canonical form. */
struct hk_block_spare {
    hk_block_spare *next; /* owned */
    hk_buffer bytes;      /* owned */
};

#define ROOM_START 64u /* places of the first allocation */

void
hk_block_init(hk_block *block)
{
    memset(block, 0, sizeof *block);
}

void
hk_block_reset(hk_block *block)
{
    while (block->spare != NULL) {
        hk_block_spare *spare = block->spare;
        block->spare = spare->next;
        hk_buffer_clear(&spare->bytes);
        free(spare);
    }
    free(block->own);
    block->own = NULL;
    block->frames = (hk_slice){NULL, 0};
    block->count = 0;
    hk_block_sign(block, (hk_slice){NULL, 0}, 0);
}

void
hk_block_clear(hk_block *block)
{
    hk_block_reset(block);
    free(block->places);
    block->places = NULL;
    block->room = 0;
}

void
hk_block_sign(hk_block *block, hk_slice signer, uint32_t version)
{
    assert(signer.len <= sizeof block->signer_name); /* it was in a header */
    block->verified = signer.data != NULL;
    block->version = version;
    block->signer_len = block->verified ? signer.len : 0;
    if (block->verified) {
        memcpy(block->signer_name, signer.data, signer.len);
    }
}

static hk_status
reserve(hk_block *block, size_t room)
{
    hk_block_place *places = realloc(block->places, room * sizeof *places);
    if (places == NULL) {
        return HK_ERR_NOMEM;
    }
    block->places = places;
    block->room = room;
    return HK_OK;
}

hk_status
hk_block_grow(hk_block *block)
{
    assert(block->room < HK_BLOCK_FRAMES);
    const size_t wanted = block->room == 0 ? ROOM_START : 4 * block->room;
    return reserve(block, wanted < HK_BLOCK_FRAMES ? wanted : HK_BLOCK_FRAMES);
}

hk_status
hk_block_foreign(hk_block *block, hk_slice data, hk_message *message, hk_error *err)
{
    hk_block_spare *spare = malloc(sizeof *spare);
    if (spare == NULL) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a decoded message");
    }
    /* The canonical form can be larger than what came: it has every attribute. */
    hk_buffer_init(&spare->bytes, NULL, 0, 2 * (size_t)HK_FOREIGN_MAX);
    const hk_status status = hk_decode(data.data, data.len, message, &spare->bytes, err);
    if (status != HK_OK) {
        hk_buffer_clear(&spare->bytes);
        free(spare);
        return status;
    }
    spare->next = block->spare;
    block->spare = spare;
    return HK_OK;
}

hk_status
hk_block_move(hk_block *to, hk_block *from)
{
    hk_block_init(to);
    if (from->count > from->room / 2) {
        *to = *from;
        hk_block_init(from);
        return HK_OK;
    }
    if (from->count > 0) {
        const size_t size = from->count * sizeof *from->places;
        hk_block_place *places = malloc(size);
        if (places == NULL) {
            return HK_ERR_NOMEM;
        }
        memcpy(places, from->places, size);
        hk_block_place *kept = from->places;
        const size_t room = from->room;
        *to = *from;
        to->places = places;
        to->room = to->count;
        hk_block_init(from);
        from->places = kept;
        from->room = room;
    }
    return HK_OK;
}

/* ---- moving the bytes ---- */

/* Whether the Message borrows from from[0..len); if not, it borrows from a canonical form. */
static bool
borrows(const hk_message *m, const uint8_t *from, size_t len)
{
    return (uintptr_t)m->uuid - (uintptr_t)from < len;
}

static void
shift(const uint8_t **at, const uint8_t *from, const uint8_t *to)
{
    if (*at != NULL) { /* an attribute that is absent */
        *at = to + (*at - from);
    }
}

/* Makes *m, which borrows from the bytes at `from`, borrow from their copy. */
static void
move_message(hk_message *m, const uint8_t *from, const uint8_t *to)
{
    shift(&m->uuid, from, to);
    shift(&m->type.data, from, to);
    shift(&m->logger.data, from, to);
    shift(&m->payload.data, from, to);
    shift(&m->env_version.data, from, to);
    shift(&m->hostname.data, from, to);
    shift(&m->fields.data, from, to);
}

hk_status
hk_block_own(hk_block *block, hk_error *err)
{
    if (block->own != NULL || block->frames.len == 0) {
        return HK_OK;
    }
    const hk_slice from = block->frames;
    uint8_t *own = malloc(from.len);
    if (own == NULL) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a block of %zu bytes", from.len);
    }
    memcpy(own, from.data, from.len);
    for (size_t i = 0; i < block->count; i++) {
        hk_message *message = &block->places[i].message;
        if (borrows(message, from.data, from.len)) {
            move_message(message, from.data, own);
        }
    }
    block->frames.data = own;
    block->own = own;
    return HK_OK;
}

/* Appends a copy of frame i of *from to *to, whose memory is large enough. */
static hk_status
append(hk_block *to, const hk_block *from, size_t i, hk_error *err)
{
    const hk_slice frame = hk_block_frame(from, i);
    const hk_slice bytes = hk_block_bytes(from, i);
    const hk_message *message = hk_block_message(from, i);
    uint8_t *copy = to->own + to->frames.len;
    hk_block_place *place = &to->places[to->count];

    memcpy(copy, frame.data, frame.len);
    place->at = (uint32_t)(to->frames.len + frame.len - bytes.len);
    place->len = (uint32_t)bytes.len;
    if (borrows(message, bytes.data, bytes.len)) {
        place->message = *message;
        move_message(&place->message, bytes.data, to->own + place->at);
    } else {
        const hk_status status = hk_block_foreign(to, bytes, &place->message, err);
        if (status != HK_OK) {
            return status;
        }
    }
    to->frames.len += frame.len;
    to->count++;
    return HK_OK;
}

hk_status
hk_block_select(hk_block *to, const hk_block *from, const bool *keep, hk_error *err)
{
    assert(to->count == 0 && to->own == NULL);
    hk_status status = HK_OK;
    size_t count = 0;
    size_t size = 0;

    for (size_t i = 0; i < from->count; i++) {
        count += keep[i] ? 1 : 0;
        size += keep[i] ? hk_block_frame(from, i).len : 0;
    }
    if (count == 0) {
        return HK_OK;
    }
    to->own = malloc(size);
    if (to->own == NULL || (to->room < count && reserve(to, count) != HK_OK)) {
        hk_block_clear(to);
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a block of %zu bytes", size);
    }
    to->frames = (hk_slice){to->own, 0};
    for (size_t i = 0; i < from->count; i++) {
        if (keep[i] && (status = append(to, from, i, err)) != HK_OK) {
            hk_block_clear(to);
            return status;
        }
    }
    hk_block_sign(to, hk_block_signer(from), from->version);
    return HK_OK;
}
