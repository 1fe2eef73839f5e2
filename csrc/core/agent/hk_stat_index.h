/* hk_stat_index.h -- the stats of a table, found by kind and key.
 *
 * An entry has two values: one takes what arrives, the other is written out; a flush swaps them. It
 * is on a list, in the order of the first arrival, and in a hash table. The hash table has
 * 64 parts that grow by themselves: with a million keys, growing one takes half a millisecond.
 * The hash is seeded: who sends keys cannot make them collide.
 * Not thread-safe: the owner has a lock. Includes: hk_statsd.h, hk_hash.h. */
#ifndef HK_STAT_INDEX_H
#define HK_STAT_INDEX_H

#include "core/base/hk_hash.h"
#include "hk_statsd.h"

/* What arrived for a stat between two flushes. */
typedef struct {
    union {
        double sum;    /* counter (statsd): the sum; gauge: the value, or what is added to the one
                        * before; timer (statsd): the sum of 1 / rate */
        int64_t whole; /* counter (heka) */
    } number;
    union {
        double *values;    /* timer: owned */
        uint64_t *members; /* set: owned, a hash table of hashes; 0: an empty slot */
    } list;
    uint32_t count;   /* values, or members */
    uint32_t room;    /* values that fit, or slots, a power of two */
    bool is_touched;  /* something arrived */
    bool is_absolute; /* gauge: a value was set */
} hk_stat_value;

typedef struct hk_stat_entry {
    hk_stat_value value[2];
    uint32_t idle; /* flushes in which nothing arrived, one after another; of the flush */
    double gauge;  /* the last value written; of the flush */
    struct hk_stat_entry *next; /* on the list */
    struct hk_stat_entry *before;
    struct hk_stat_entry *doomed; /* on the list of what the flush removes */
    uint64_t hash;
    uint32_t key_len; /* bytes */
    uint8_t kind;     /* an hk_stat_kind */
    uint8_t key[];
} hk_stat_entry;

#define HK_STAT_PARTS 64u /* of the hash table */

typedef struct {
    uint64_t hash;
    hk_stat_entry *entry; /* NULL: empty */
} hk_stat_slot;

typedef struct {
    hk_stat_slot *slots; /* owned */
    size_t room;         /* slots, a power of two */
    size_t used;
} hk_stat_part;

typedef struct {
    hk_hash_seed seed;
    hk_stat_part parts[HK_STAT_PARTS];
    hk_stat_entry *first; /* owned, as all that follow it */
    hk_stat_entry *last;
    size_t count;
} hk_stat_index;

/* Initialises an empty index. HK_ERR_CRYPTO: no seed. */
HK_CHECK hk_status hk_stat_index_init(hk_stat_index *index);

/* Frees all entries; the index is then empty, and may be used again. */
void hk_stat_index_clear(hk_stat_index *index);

/* The hash of a kind and a key. */
uint64_t hk_stat_hash(const hk_stat_index *index, hk_stat_kind kind, hk_slice key);

/* Loads what hk_stat_find will read into the processor's cache, in two steps with other work
 * between them: with 100,000 keys, nearly all of the time of a line is spent on waiting for memory.
 */
void hk_stat_fetch_slot(const hk_stat_index *index, uint64_t hash);
void hk_stat_fetch_entry(const hk_stat_index *index, uint64_t hash);

/* The entry, or NULL. */
hk_stat_entry *hk_stat_find(const hk_stat_index *index, uint64_t hash, hk_stat_kind kind,
                            hk_slice key);

/* Adds an entry that is not there; NULL without memory, and nothing has changed. */
hk_stat_entry *hk_stat_add(hk_stat_index *index, uint64_t hash, hk_stat_kind kind, hk_slice key);

/* Takes an entry off list and hash table; the caller frees it. */
void hk_stat_remove(hk_stat_index *index, hk_stat_entry *entry);

/* Frees an entry that is in no index. */
void hk_stat_free(hk_stat_entry *entry);

#endif
