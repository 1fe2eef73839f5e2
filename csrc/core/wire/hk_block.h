/* hk_block.h -- a block: whole, checked frames that lie one behind the other in memory.
 *
 *     frames   1e 02 08 2a 1f Message 1e 02 08 31 1f Message ...      nothing between two frames
 *     places   for each frame: where its Message is, and the Message decoded
 *
 * hk_reader_next_block fills a block: it decodes every Message anyway to check it, and keeps the
 * result here, so that no later stage decodes it again. All frames have the same signer, or none.
 * A Message that is not canonical is decoded from its canonical form, which the block owns; the
 * frame keeps the bytes that came.
 *
 * A filled block borrows its bytes from the reader, until the reader's next call, or from the chunk
 * that was fed (hk_reader.h says which). hk_block_own copies them. Threads may share a block that
 * nobody fills or clears. Includes: hk_frame.h,
 * hk_decode.h. */
#ifndef HK_BLOCK_H
#define HK_BLOCK_H

#include "hk_decode.h"
#include "hk_frame.h"

/* Most bytes of a block with several frames; a larger frame has a block of its own. */
#define HK_BLOCK_MAX (256u * 1024u)

/* Most frames of a block. Their places take 136 KiB: written by the reader, they are still in the
 * processor's second-level cache when the next stage reads them. */
#define HK_BLOCK_FRAMES 1024u

typedef struct {
    uint32_t at;        /* offset of the encoded Message in hk_block.frames */
    uint32_t len;       /* its bytes */
    hk_message message; /* borrows from hk_block.frames, or from hk_block.spare */
} hk_block_place;

typedef struct hk_block_spare hk_block_spare;

typedef struct {
    hk_slice frames;        /* borrowed, or `own` */
    size_t count;           /* frames */
    hk_block_place *places; /* owned: `count` are filled */
    size_t room;            /* allocated places */
    uint8_t *own;           /* owned, or NULL: frames are borrowed */
    hk_block_spare *spare;  /* owned: canonical forms of Messages that are not canonical */
    bool verified;          /* the signature of every frame is valid */
    uint32_t version;       /* with verified: of the signer's key */
    size_t signer_len;      /* with verified: bytes of signer_name */
    uint8_t signer_name[HK_HEADER_MAX];
} hk_block;

/* Initialises an empty block, which owns no memory. */
void hk_block_init(hk_block *block);

/* Frees what the block owns; it is then as hk_block_init leaves it. */
void hk_block_clear(hk_block *block);

/* Removes all frames; keeps the memory of the places. */
void hk_block_reset(hk_block *block);

/* The encoded Message of frame i, as it came. */
static inline hk_slice
hk_block_bytes(const hk_block *block, size_t i)
{
    return (hk_slice){block->frames.data + block->places[i].at, block->places[i].len};
}

/* The whole frame i: header and Message. */
static inline hk_slice
hk_block_frame(const hk_block *block, size_t i)
{
    const size_t start = i == 0 ? 0 : (size_t)block->places[i - 1].at + block->places[i - 1].len;
    const size_t end = (size_t)block->places[i].at + block->places[i].len;
    return (hk_slice){block->frames.data + start, end - start};
}

/* The signer of all frames; its data is NULL unless their signatures were verified. */
static inline hk_slice
hk_block_signer(const hk_block *block)
{
    return (hk_slice){block->verified ? block->signer_name : NULL, block->signer_len};
}

/* Sets the signer of all frames; NULL in its data: none. */
void hk_block_sign(hk_block *block, hk_slice signer, uint32_t version);

/* The decoded Message of frame i, borrowed from the block. */
static inline const hk_message *
hk_block_message(const hk_block *block, size_t i)
{
    return &block->places[i].message;
}

/* The slow path of hk_block_room. */
HK_CHECK HK_COLD hk_status hk_block_grow(hk_block *block);

/* Ensures that places[count] is allocated. HK_ERR_NOMEM; the contents do not change. */
HK_CHECK static inline hk_status
hk_block_room(hk_block *block)
{
    return HK_LIKELY(block->count < block->room) ? HK_OK : hk_block_grow(block);
}

/* Decodes a Message that is valid but not canonical; *message borrows from the block's spare.
 * HK_ERR_NOMEM; HK_ERR_CORRUPT as hk_decode. */
HK_CHECK HK_COLD hk_status hk_block_foreign(hk_block *block, hk_slice data, hk_message *message,
                                            hk_error *err);

/* Moves what *from owns into the uninitialised block *to, whose places take no more memory than
 * they need; *from is then empty. HK_ERR_NOMEM: *from has not changed, and *to is empty. */
HK_CHECK hk_status hk_block_move(hk_block *to, hk_block *from);

/* Copies the frames into memory of the block. The places follow. HK_ERR_NOMEM: nothing changed. */
HK_CHECK hk_status hk_block_own(hk_block *block, hk_error *err);

/* Fills the empty block *to with copies of the frames i of *from for which keep[i] is true; *to
 * owns all its memory. HK_ERR_NOMEM: *to is empty and owns none. */
HK_CHECK hk_status hk_block_select(hk_block *to, const hk_block *from, const bool *keep,
                                   hk_error *err);

#endif
