/* fuzz_decode.c -- any bytes as a Message: our decoders and writer against protobuf-c. */
#include <stdio.h>
#include <stdlib.h>

#include "agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Any bytes as the run of fields and as the values of a field: whatever they are, the iterators
 * stay inside and come to an end. */
static void
iterate(const uint8_t *data, size_t len)
{
    hk_slice fields = {data, len};
    hk_field field;
    hk_value value;
    while (hk_field_next(&fields, &field)) {
    }
    for (hk_value_type type = HK_STRING; type <= HK_BOOL; type++) {
        hk_slice values = {data, len};
        while (hk_value_next(&values, type, &value)) {
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *fault = agree(data, len);
    if (fault != NULL) {
        fprintf(stderr, "%s\n", fault);
        abort();
    }
    iterate(data, len);
    return 0;
}
