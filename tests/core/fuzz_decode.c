/* fuzz_decode.c -- fuzz target: decodes any bytes as a Message and compares with protobuf-c. */
#include <stdio.h>
#include <stdlib.h>

#include "agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Iterates over any bytes as fields and as values of each type: the iterators must not read past
 * the end, and must terminate. */
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
