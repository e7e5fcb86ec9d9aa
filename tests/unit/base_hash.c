#include "weir/base/hash.h"
#include "weir/base/random.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { KEYS = 20000, BINS = 64 };

static struct weir_slice key(char *text, size_t size, unsigned i)
{
    return weir_slice_make(text, (size_t)snprintf(text, size, "/path/%u", i));
}

/* Several weirs, of several versions, must agree. */
Test(base_hash, is_the_same_for_ever)
{
    static const struct weir_slice example = WEIR_SLICE("example.com"), empty = WEIR_SLICE("");

    cr_expect_eq(weir_hash(empty), weir_hash_mix(14695981039346656037ull));
    cr_expect_eq(weir_hash_mix(0), 0);
    /* SplitMix64's first number from the seed 0. */
    cr_expect_eq(weir_hash_mix(0x9e3779b97f4a7c15ull), 0xe220a8397b1dcdafull);
    /* FNV-1a of "a" is in its authors' list of test vectors. */
    cr_expect_eq(weir_hash_add(WEIR_HASH_START, 'a'), 0xaf63dc4c8601ec8cull);
    cr_expect_eq(weir_hash(example), weir_hash_like(example));
}

Test(base_hash, like_disregards_the_case_of_letters_only)
{
    static const struct weir_slice a = WEIR_SLICE("WWW.Example.COM"),
                                   b = WEIR_SLICE("www.example.com"), at = WEIR_SLICE("@"),
                                   grave = WEIR_SLICE("`");

    cr_expect_eq(weir_hash_like(a), weir_hash_like(b));
    cr_expect_neq(weir_hash(a), weir_hash(b));
    cr_expect_neq(weir_hash_like(at), weir_hash_like(grave));
}

/* By the leading bits as by the trailing ones: the chi-square of 63 degrees stays below 120. */
Test(base_hash, spreads_keys_that_differ_in_a_digit)
{
    double high[BINS] = {0}, low[BINS] = {0}, chi_high = 0, chi_low = 0, due = (double)KEYS / BINS;
    char text[32];

    for (unsigned i = 0; i < KEYS; i++) {
        uint64_t hash = weir_hash(key(text, sizeof(text), i));
        high[hash >> 58]++;
        low[hash % BINS]++;
    }
    for (int i = 0; i < BINS; i++) {
        chi_high += (high[i] - due) * (high[i] - due) / due;
        chi_low += (low[i] - due) * (low[i] - due) / due;
    }
    cr_expect_lt(chi_high, 120, "%f", chi_high);
    cr_expect_lt(chi_low, 120, "%f", chi_low);
}

Test(base_hash, random_numbers_below_a_bound)
{
    uint32_t state = 1;
    unsigned seen[3] = {0};

    for (int i = 0; i < 3000; i++) {
        uint64_t number = weir_random_below(&state, 3);
        cr_assert_lt(number, 3);
        seen[number]++;
    }
    for (int i = 0; i < 3; i++)
        cr_expect(seen[i] > 850 && seen[i] < 1150, "%d: %u", i, seen[i]);
    cr_expect_eq(weir_random_below(&state, 0), 0);
    cr_expect_eq(weir_random_below(&state, 1), 0);
}
