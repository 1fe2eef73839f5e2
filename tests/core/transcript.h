/* transcript.h -- what a stream reader made of a stream: its frames and its account.
 *
 * The same stream must give the same transcript however it is cut into chunks, and the one that a
 * model gives, which has the whole stream before it and follows the table of hk_reader.h to the
 * letter. Includes: hk_reader.h. */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include "core/wire/hk_reader.h"

/* How a reader is set up. */
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
    const char *fault; /* the first promise that was broken, or NULL */
} transcript;

/* Bytes of the next chunk, at least 1, of a stream of which `left` are to come. */
typedef size_t (*chunking)(void *state, size_t left);

/* Reads data[0..len) in chunks. Checks the account after every call, that what is delivered
 * decodes, and that closing accounts for the tail. A chunk is freed as soon as the reader may no
 * longer look at it. */
transcript transcript_of(const stream_rules *rules, const uint8_t *data, size_t len,
                         chunking next_chunk, void *state);

/* All at once; chunks of *state (a size_t) bytes; one cut after *state bytes; sizes drawn from
 * *state (a uint64_t seed). */
size_t chunk_whole(void *state, size_t left);
size_t chunk_fixed(void *state, size_t left);
size_t chunk_split(void *state, size_t left);
size_t chunk_random(void *state, size_t left);

/* What the table in hk_reader.h makes of the stream, its allowance for torn frames included. */
transcript transcript_by_model(const stream_rules *rules, const uint8_t *data, size_t len);

/* NULL when both say the same (a fault counts as a difference). */
const char *transcript_difference(const transcript *a, const transcript *b);

void transcript_clear(transcript *t);

#endif
