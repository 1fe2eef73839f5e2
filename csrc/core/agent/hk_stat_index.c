/* hk_stat_index.c -- the stats of a table, found by kind and key. */
#include "hk_stat_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16u /* slots of a part with entries */
#define PART_SHIFT 58u /* the upper six bits of a hash choose the part */

/* Slots in use of so many: an unsuccessful search of a fuller table with linear probing takes more
 * than three steps. */
static bool
is_full(const hk_stat_part *part)
{
    return part->used + part->used / 2 >= part->room; /* two thirds */
}

hk_status
hk_stat_index_init(hk_stat_index *index)
{
    memset(index, 0, sizeof *index);
    return hk_hash_seed_new(&index->seed);
}

void
hk_stat_free(hk_stat_entry *entry)
{
    for (unsigned i = 0; i < 2; i++) {
        if (entry->kind == HK_STAT_SET) {
            free(entry->value[i].list.members);
        } else {
            free(entry->value[i].list.values);
        }
    }
    free(entry);
}

void
hk_stat_index_clear(hk_stat_index *index)
{
    for (hk_stat_entry *entry = index->first; entry != NULL;) {
        hk_stat_entry *next = entry->next;
        hk_stat_free(entry);
        entry = next;
    }
    for (unsigned i = 0; i < HK_STAT_PARTS; i++) {
        free(index->parts[i].slots);
        index->parts[i] = (hk_stat_part){NULL, 0, 0};
    }
    index->first = index->last = NULL;
    index->count = 0;
}

uint64_t
hk_stat_hash(const hk_stat_index *index, hk_stat_kind kind, hk_slice key)
{
    /* Keys of different kinds differ in all bits but for their order; the kind is compared, too. */
    return hk_hash_of(&index->seed, key.data, key.len) +
           (uint64_t)kind * UINT64_C(0x9e3779b97f4a7c15);
}

static hk_stat_part *
part_of(const hk_stat_index *index, uint64_t hash)
{
    return (hk_stat_part *)&index->parts[hash >> PART_SHIFT];
}

#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) ((void)(address))
#endif
#define CACHE_LINE 64u /* bytes, of nearly all processors */

void
hk_stat_fetch_slot(const hk_stat_index *index, uint64_t hash)
{
    const hk_stat_part *part = part_of(index, hash);
    if (part->room > 0) {
        FETCH(&part->slots[hash & (part->room - 1)]);
    }
}

void
hk_stat_fetch_entry(const hk_stat_index *index, uint64_t hash)
{
    const hk_stat_part *part = part_of(index, hash);
    if (part->room == 0) {
        return;
    }
    const uint8_t *entry = (const uint8_t *)part->slots[hash & (part->room - 1)].entry;
    if (entry != NULL) {
        FETCH(entry);
        FETCH(entry + CACHE_LINE);
        FETCH(entry + 2 * CACHE_LINE);
    }
}

hk_stat_entry *
hk_stat_find(const hk_stat_index *index, uint64_t hash, hk_stat_kind kind, hk_slice key)
{
    const hk_stat_part *part = part_of(index, hash);
    if (part->room == 0) {
        return NULL;
    }
    const size_t mask = part->room - 1;
    for (size_t i = hash & mask; part->slots[i].entry != NULL; i = (i + 1) & mask) {
        hk_stat_entry *entry = part->slots[i].entry;
        if (part->slots[i].hash == hash && entry->key_len == key.len && entry->kind == kind &&
            memcmp(entry->key, key.data, key.len) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void
put(hk_stat_part *part, hk_stat_slot slot)
{
    const size_t mask = part->room - 1;
    size_t i = slot.hash & mask;
    while (part->slots[i].entry != NULL) {
        i = (i + 1) & mask;
    }
    part->slots[i] = slot;
}

static bool
grow(hk_stat_part *part)
{
    const hk_stat_part old = *part;
    const size_t room = old.room == 0 ? ROOM_FIRST : 2 * old.room;
    hk_stat_slot *slots = calloc(room, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    part->slots = slots;
    part->room = room;
    for (size_t i = 0; i < old.room; i++) {
        if (old.slots[i].entry != NULL) {
            put(part, old.slots[i]);
        }
    }
    free(old.slots);
    return true;
}

hk_stat_entry *
hk_stat_add(hk_stat_index *index, uint64_t hash, hk_stat_kind kind, hk_slice key)
{
    hk_stat_part *part = part_of(index, hash);
    assert(key.len <= UINT32_MAX);
    if (is_full(part) && !grow(part)) {
        return NULL;
    }
    hk_stat_entry *entry = malloc(sizeof *entry + key.len);
    if (entry == NULL) {
        return NULL;
    }
    memset(entry, 0, sizeof *entry);
    entry->hash = hash;
    entry->kind = (uint8_t)kind;
    entry->key_len = (uint32_t)key.len;
    memcpy(entry->key, key.data, key.len);
    put(part, (hk_stat_slot){hash, entry});
    part->used++;
    entry->before = index->last;
    if (index->last == NULL) {
        index->first = entry;
    } else {
        index->last->next = entry;
    }
    index->last = entry;
    index->count++;
    return entry;
}

void
hk_stat_remove(hk_stat_index *index, hk_stat_entry *entry)
{
    hk_stat_part *part = part_of(index, entry->hash);
    const size_t mask = part->room - 1;
    size_t hole = entry->hash & mask;
    while (part->slots[hole].entry != entry) {
        hole = (hole + 1) & mask;
    }
    /* What lies behind the hole moves into it unless it would come to lie in front of its place. */
    for (size_t i = (hole + 1) & mask; part->slots[i].entry != NULL; i = (i + 1) & mask) {
        const size_t home = part->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            part->slots[hole] = part->slots[i];
            hole = i;
        }
    }
    part->slots[hole] = (hk_stat_slot){0, NULL};
    part->used--;
    if (entry->before == NULL) {
        index->first = entry->next;
    } else {
        entry->before->next = entry->next;
    }
    if (entry->next == NULL) {
        index->last = entry->before;
    } else {
        entry->next->before = entry->before;
    }
    index->count--;
}
