/* transcript.h -- the result of reading a stream: its frames and its byte counts.
 *
 * A stream must give the same transcript whatever its chunks are, and it must equal that of the
 * model. The model is a simple second implementation of the table in hk_reader.h, which has the
 * whole stream at once. Includes: hk_reader.h. */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include "core/wire/hk_reader.h"

/* The settings of a reader. */
typedef struct {
    size_t max_message; /* bytes */
    const hk_keyring *keys;
    bool require_signature;
} stream_rules;

typedef struct {
    hk_buffer frames; /* owned: for each frame its lengths, signer and Message */
    size_t count;     /* frames */
    uint64_t delivered;
    uint64_t refused_bytes;
    uint64_t discarded;
    uint64_t pending; /* before the stream was closed */
    uint64_t refused[HK_REFUSALS];
    const char *fault; /* the first check that failed, or NULL */
} transcript;

/* Returns the bytes of the next chunk, 1 to `left`, when `left` bytes of the stream remain. */
typedef size_t (*chunking)(void *state, size_t left);

/* Reads data[0..len) in chunks. Checks the byte counts after every call, that delivered messages
 * can be decoded, and that closing counts an incomplete frame. Each chunk is freed as soon as the
 * reader must no longer use it. */
transcript transcript_of(const stream_rules *rules, const uint8_t *data, size_t len,
                         chunking next_chunk, void *state);

/* The same by hk_reader_next_block. Checks also that each block is whole frames of one signer, that
 * its decoded Messages equal hk_decode's, and that copies of it (hk_block_own, hk_block_select) do.
 */
transcript transcript_by_blocks(const stream_rules *rules, const uint8_t *data, size_t len,
                                chunking next_chunk, void *state);

/* Whole: one chunk. Fixed: chunks of *state (a size_t) bytes. Split: two chunks, the first of
 * *state (a size_t) bytes. Random: sizes from the seed in *state (a uint64_t). */
size_t chunk_whole(void *state, size_t left);
size_t chunk_fixed(void *state, size_t left);
size_t chunk_split(void *state, size_t left);
size_t chunk_random(void *state, size_t left);

/* The transcript of the model, which includes the allowance for torn frames. */
transcript transcript_by_model(const stream_rules *rules, const uint8_t *data, size_t len);

/* NULL when both are equal and neither has a fault, else a text that names the difference. */
const char *transcript_difference(const transcript *a, const transcript *b);

void transcript_clear(transcript *t);

#endif
