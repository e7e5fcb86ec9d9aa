/* Random numbers for choices and jitter; not for secrets. */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include <stdint.h>

/* The next number, never 0; STATE is not 0. Source: xorshift32 (Marsaglia 2003). */
static inline uint32_t weir_random_next(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* A number below BELOW, which is at most 2^32; 0 for 0. */
static inline uint64_t weir_random_below(uint32_t *state, uint64_t below)
{
    return weir_random_next(state) * below >> 32;
}

#endif
