/* test_hash.c -- SipHash-1-3 against values of other implementations, and seeds that differ. */
#include "core/base/hk_hash.h"

#include "check.h"

/* CPython 3.11 and later hash bytes with SipHash-1-3, with PYTHONHASHSEED=0 under a key of zeros:
 * hash(bytes(range(1, n + 1))). */
static void
test_values_of_cpython(void)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {{1, UINT64_C(0x44bc103b1f8540ed)},
                 {7, UINT64_C(0xb1cd85cc334196fa)},
                 {8, UINT64_C(0x884ccc87cb0e5fb0)},
                 {9, UINT64_C(0x27ed508fe95acb3)},
                 {20, UINT64_C(0xf081b1d300f45ee2)}};
    const hk_hash_seed zeros = {{0, 0}};
    uint8_t data[32];
    for (uint8_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i + 1);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_SIZE(hk_hash_of(&zeros, data, cases[i].len), cases[i].hash);
    }
}

/* The first vector of Rust's tests: the key is the bytes 00 to 0f, the text is empty. */
static void
test_value_of_rust(void)
{
    const hk_hash_seed seed = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    CHECK_SIZE(hk_hash_of(&seed, NULL, 0), UINT64_C(0xabac0158050fc4dc));
}

static void
test_seeds_differ(void)
{
    hk_hash_seed a;
    hk_hash_seed b;
    const uint8_t data[] = {1, 2, 3};
    CHECK_INT(hk_hash_seed_new(&a), HK_OK);
    CHECK_INT(hk_hash_seed_new(&b), HK_OK);
    CHECK(hk_hash_of(&a, data, sizeof data) != hk_hash_of(&b, data, sizeof data));
}

int
main(void)
{
    test_values_of_cpython();
    test_value_of_rust();
    test_seeds_differ();
    return check_report();
}
