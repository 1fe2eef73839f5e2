/* sample.h -- builds the inputs of the tests: bytes, messages, frames.
 *
 * Buffers are hk_buffer with a high limit. A sample that cannot be built ends the program, because
 * a test with an incomplete sample would prove nothing. Random samples depend only on their seed.
 * Includes: hk_frame.h. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "core/wire/hk_frame.h"

/* Ends the program unless status is HK_OK. */
void must(hk_status status);

/* The characters of a string literal as a slice, and as an hk_text of UTF-8. */
hk_slice slice_of(const char *text);
hk_text utf8_of(const char *text);

/* An empty buffer that holds up to 64 MiB. */
hk_buffer sample_buffer(void);

/* Appends raw bytes; hexadecimal digits (blanks are skipped); a varint; a length-delimited entry
 * with that tag byte. */
void put_raw(hk_buffer *out, const void *data, size_t len);
void put_hex(hk_buffer *out, const char *digits);
void put_varint(hk_buffer *out, uint64_t value);
void put_entry(hk_buffer *out, uint8_t tag, const void *data, size_t len);

/* Appends `uuid = 00 01 .. 0f, timestamp = 1`: the smallest valid Message, 20 bytes. */
void put_smallest(hk_buffer *out);
#define SMALLEST_SIZE 20u

/* The same in hexadecimal digits: uuid; uuid and timestamp. */
#define UUID "0a10 000102030405060708090a0b0c0d0e0f "
#define HEAD UUID "1001 "

/* The bytes in an allocation of exactly their length, so that ASan detects a read past the end; the
 * caller frees it. */
uint8_t *sample_exact(const hk_buffer *buf);

/* splitmix64: the next pseudo-random number, from the state in *state. */
uint64_t sample_random(uint64_t *state);

/* A random number of 1 to 64 bits, each length about equally often; sometimes all 64 bits are 1. */
uint64_t sample_bits(uint64_t *state);

/* Appends a canonical Message by hk_encode with all attributes, and fields of every type. */
void sample_message(hk_buffer *out, uint64_t seed);

/* Appends a valid Message that is (almost always) not canonical: any order of tags, repeated
 * scalars, unpacked and split values, unknown tags, long varints. */
void sample_foreign(hk_buffer *out, uint64_t seed);

/* Appends a frame around message[0..len), signed when identity is not NULL. */
void put_frame(hk_buffer *out, const uint8_t *message, size_t len, const hk_identity *identity);

/* Appends 1e, the header's length, the header and 1f; the caller appends the Message. */
void put_frame_start(hk_buffer *out, const uint8_t *header, size_t len);

/* An identity; the caller clears it. */
hk_identity sample_identity(const char *name, uint32_t version, hk_hash hash, const char *key);

/* Calls use(name, data, len, arg) for each file of a folder, in the order of their names; data is
 * an allocation of exactly len bytes. Returns the number of files; a missing folder is 0 files. */
size_t for_each_file(const char *folder,
                     void (*use)(const char *name, const uint8_t *data, size_t len, void *arg),
                     void *arg);

#endif
