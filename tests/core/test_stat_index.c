/* test_stat_index.c -- the index of stats against a plain list: adding, finding, removing. */
#include "core/agent/hk_stat_index.h"

#include <stdlib.h>

#include "check.h"
#include "sample.h"

#define KEYS 3000u
#define STEPS 60000

static hk_slice
key_of(size_t i)
{
    static char text[24];
    const int len = snprintf(text, sizeof text, "key.%zu", i / HK_STAT_PARTS);
    return (hk_slice){(const uint8_t *)text, (size_t)len};
}

static hk_stat_kind
kind_of(size_t i)
{
    return (hk_stat_kind)(i % 4);
}

static hk_stat_entry *
find(const hk_stat_index *index, size_t i)
{
    const hk_slice key = key_of(i);
    return hk_stat_find(index, hk_stat_hash(index, kind_of(i), key), kind_of(i), key);
}

/* Adds and removes at random; one key of each kind, so that kinds are told apart. */
static void
test_random_steps(void)
{
    static hk_stat_entry *model[KEYS];
    hk_stat_index index;
    uint64_t state = 9;
    size_t count = 0;
    must(hk_stat_index_init(&index));
    for (int step = 0; step < STEPS; step++) {
        const size_t i = (size_t)(sample_random(&state) % KEYS) / HK_STAT_PARTS * HK_STAT_PARTS +
                         (size_t)(step % 4);
        hk_stat_entry *found = find(&index, i);
        CHECK(found == model[i]);
        if (found == NULL) {
            const hk_slice key = key_of(i);
            found = hk_stat_add(&index, hk_stat_hash(&index, kind_of(i), key), kind_of(i), key);
            CHECK(found != NULL && found->kind == kind_of(i) && found->key_len == key.len);
            model[i] = found;
            count++;
        } else if (sample_random(&state) % 2 == 0) {
            hk_stat_remove(&index, found);
            hk_stat_free(found);
            model[i] = NULL;
            count--;
        }
        CHECK_SIZE(index.count, count);
    }
    size_t listed = 0;
    const hk_stat_entry *before = NULL;
    for (hk_stat_entry *entry = index.first; entry != NULL; entry = entry->next) {
        CHECK(entry->before == before);
        before = entry;
        listed++;
    }
    CHECK(index.last == before);
    CHECK_SIZE(listed, count);
    hk_stat_index_clear(&index);
    CHECK(find(&index, 0) == NULL);
    CHECK_SIZE(index.count, 0);
}

/* Hashes that all fall into one part and one slot: found all the same, also after removals. */
static void
test_equal_hashes(void)
{
    hk_stat_index index;
    hk_stat_entry *entries[40];
    must(hk_stat_index_init(&index));
    for (size_t i = 0; i < 40; i++) {
        entries[i] = hk_stat_add(&index, 5, HK_STAT_GAUGE, key_of(i * HK_STAT_PARTS));
    }
    for (size_t i = 0; i < 40; i += 3) {
        hk_stat_remove(&index, entries[i]);
        hk_stat_free(entries[i]);
        entries[i] = NULL;
    }
    for (size_t i = 0; i < 40; i++) {
        const hk_slice key = key_of(i * HK_STAT_PARTS);
        CHECK(hk_stat_find(&index, 5, HK_STAT_GAUGE, key) == entries[i]);
        CHECK(hk_stat_find(&index, 5, HK_STAT_TIMER, key) == NULL);
    }
    hk_stat_index_clear(&index);
}

int
main(void)
{
    test_random_steps();
    test_equal_hashes();
    return check_report();
}
