/* agree.h -- the two decoding tiers and the writer, held against protobuf-c.
 *
 * Shared by the tests and the fuzzer, so that what one finds the other keeps. Includes:
 * hk_decode.h, the generated descriptors. */
#ifndef AGREE_H
#define AGREE_H

#include "core/wire/hk_decode.h"
#include "gen/message.pb-c.h"

/* Holds what the core says of any data[0..len) against what protobuf-c says of it:
 *   - accepted by hk_decode_check => protobuf-c unpacks it, with a uuid of 16 bytes
 *   - unpacked with such a uuid => accepted, but for the few forms that protobuf-c takes and
 * Google's parser refuses
 *   - canonical => accepted, every attribute and value equal protobuf-c's, and packing what
 *     protobuf-c read gives these very bytes
 *   - accepted => normalising succeeds, gives canonical bytes of equal content, the same again when
 *     repeated, and the same as protobuf-c packs; nothing changes where all attributes were present
 *   - hk_decode does what the two tiers do
 * NULL when all of it holds, else what does not. */
const char *agree(const uint8_t *data, size_t len);

/* NULL when *message says what *unpacked says. */
const char *agree_on_message(const hk_message *message, const Heka__Message *unpacked);

#endif
