/* Hashes that spread: for balancing, not for tables that strangers fill, nor for secrets. The same
 * on every host and in every version, so that several weirs agree. Pure. */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include "weir/base/slice.h"

#define WEIR_HASH_START 14695981039346656037ull

/* Every bit of the result depends on every bit of X. Source: Stafford's variant 13 of the
 * finalizer of MurmurHash3, as in SplitMix64. */
static inline uint64_t weir_hash_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* One byte more. Source: FNV-1a, whose low bits are good and whose high bits are not: mix after the
 * last one. */
static inline uint64_t weir_hash_add(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * 1099511628211ull;
}

static inline uint64_t weir_hash(struct weir_slice slice)
{
    uint64_t hash = WEIR_HASH_START;

    for (size_t i = 0; i < slice.len; i++)
        hash = weir_hash_add(hash, (unsigned char)slice.data[i]);
    return weir_hash_mix(hash);
}

/* The same, without regard to the case of ASCII letters. */
static inline uint64_t weir_hash_like(struct weir_slice slice)
{
    uint64_t hash = WEIR_HASH_START;

    for (size_t i = 0; i < slice.len; i++) {
        unsigned char byte = (unsigned char)slice.data[i];
        hash = weir_hash_add(hash, byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    return weir_hash_mix(hash);
}

#endif
