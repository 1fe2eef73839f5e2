/* agree.h -- compares the decoders and the encoder with protobuf-c.
 *
 * Shared by the tests and the fuzzer, so that an input found by one can be kept for the other.
 * Includes: hk_decode.h, the generated descriptors. */
#ifndef AGREE_H
#define AGREE_H

#include "core/wire/hk_decode.h"
#include "gen/message.pb-c.h"

/* Compares the core with protobuf-c for any data[0..len). Checks these statements:
 *   - hk_decode_check accepts it => protobuf-c unpacks it, with a uuid of 16 bytes
 *   - protobuf-c unpacks it with such a uuid => hk_decode_check accepts it, except for the few
 * forms that protobuf-c accepts and Google's parser refuses
 *   - it is canonical => it is accepted, every attribute and value equals protobuf-c's, and packing
 *     protobuf-c's message gives the same bytes
 *   - it is accepted => normalising succeeds; the result is canonical, has equal content, equals
 *     what protobuf-c packs, and normalising it again changes nothing; if the input was canonical
 * and had all attributes, the result equals the input
 *   - hk_decode gives the result of hk_decode_canonical or of hk_decode_normalise
 * NULL when all of them hold, else a text that names the first that does not. */
const char *agree(const uint8_t *data, size_t len);

/* NULL when *message and *unpacked have equal content, else a text that names the difference. */
const char *agree_on_message(const hk_message *message, const Heka__Message *unpacked);

#endif
