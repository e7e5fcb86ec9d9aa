#include "weir/stats/histogram.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

static struct weir_histogram histogram, other;

/* "From 1 us to about 19 hours." */
static const uint64_t covered_us = 19ull * 3600 * 1000000;

Test(stats_histogram, empty_says_zero)
{
    cr_expect_eq(weir_histogram_quantile_us(&histogram, 0), 0);
    cr_expect_eq(weir_histogram_quantile_us(&histogram, 0.5), 0);
    cr_expect_eq(weir_histogram_quantile_us(&histogram, 1), 0);
}

/* With a much larger value beside it, so that it is the bucket's end that comes back. */
Test(stats_histogram, quantile_is_at_most_an_eighth_above_the_truth)
{
    for (uint64_t us = 0; us <= covered_us; us += 1 + us / 37) {
        memset(&histogram, 0, sizeof(histogram));
        weir_histogram_add(&histogram, us);
        weir_histogram_add(&histogram, UINT64_MAX / 2);
        uint64_t said = weir_histogram_quantile_us(&histogram, 0.5);
        cr_expect(said >= us && said - us <= us / 8, "%" PRIu64 ": %" PRIu64, us, said);
    }
}

Test(stats_histogram, small_values_are_exact)
{
    for (uint64_t us = 0; us < 16; us++) {
        memset(&histogram, 0, sizeof(histogram));
        weir_histogram_add(&histogram, us);
        weir_histogram_add(&histogram, 1000);
        cr_expect_eq(weir_histogram_quantile_us(&histogram, 0.5), us);
    }
}

Test(stats_histogram, quantile_is_never_above_the_largest)
{
    weir_histogram_add(&histogram, 1000);
    cr_expect_eq(weir_histogram_quantile_us(&histogram, 0.5), 1000);
    cr_expect_eq(weir_histogram_quantile_us(&histogram, 1), 1000);
    cr_expect_eq(weir_counter_get(&histogram.max_us), 1000);
}

Test(stats_histogram, quantiles_are_those_of_the_values)
{
    for (uint64_t us = 1; us <= 10000; us++)
        weir_histogram_add(&histogram, us);
    static const double shares[] = {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
        double truth = shares[i] * 10000;
        double said = (double)weir_histogram_quantile_us(&histogram, shares[i]);
        cr_expect(said >= truth && said <= truth * 1.125, "%f: %f", shares[i], said);
    }
    cr_expect_eq(weir_histogram_quantile_us(&histogram, 0), 1);
}

Test(stats_histogram, merge_is_as_if_all_had_been_added_to_one)
{
    static struct weir_histogram all;

    for (uint64_t us = 1; us <= 3000; us++) {
        weir_histogram_add(us % 3 ? &histogram : &other, us * us);
        weir_histogram_add(&all, us * us);
    }
    weir_histogram_merge(&other, &histogram);
    for (double share = 0; share <= 1; share += 0.01)
        cr_expect_eq(weir_histogram_quantile_us(&other, share),
                     weir_histogram_quantile_us(&all, share));
    cr_expect_eq(weir_counter_get(&other.max_us), 9000000);
    /* Merging a smaller one leaves the largest value. */
    memset(&histogram, 0, sizeof(histogram));
    weir_histogram_add(&histogram, 1);
    weir_histogram_merge(&other, &histogram);
    cr_expect_eq(weir_counter_get(&other.max_us), 9000000);
}

/* Nothing is lost or written out of bounds beyond what the buckets cover. */
Test(stats_histogram, takes_any_duration)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        weir_histogram_add(&histogram, 1ull << bit);
        weir_histogram_add(&histogram, (1ull << bit) - 1);
    }
    weir_histogram_add(&histogram, UINT64_MAX);
    cr_expect_eq(weir_counter_get(&histogram.max_us), UINT64_MAX);
    cr_expect_geq(weir_histogram_quantile_us(&histogram, 1), covered_us);
    uint64_t total = 0;
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++)
        total += weir_counter_get(&histogram.buckets[i]);
    cr_expect_eq(total, 129);
}

Test(stats_histogram, between_two_looks)
{
    static struct weir_histogram earlier, between;

    cr_expect_not(weir_histogram_between(&between, &earlier, &histogram));
    for (uint64_t i = 0; i < 100; i++)
        weir_histogram_add(&histogram, 3);
    earlier = histogram;
    cr_expect_not(weir_histogram_between(&between, &earlier, &histogram));
    weir_histogram_add(&histogram, 12);
    cr_assert(weir_histogram_between(&between, &earlier, &histogram));
    cr_expect_eq(weir_histogram_quantile_us(&between, 0.01), 12);
    cr_expect_not(weir_histogram_between(&between, &histogram, &earlier), "it has shrunk");
}

/* At powers of two the buckets are exact. */
Test(stats_histogram, how_many_are_below)
{
    static const uint64_t values[] = {0,   1,    7,    8,          255,           256,
                                      257, 1023, 1024, 1ull << 34, UINT64_MAX / 2};
    enum { VALUES = sizeof(values) / sizeof(values[0]) };

    for (size_t i = 0; i < VALUES; i++)
        weir_histogram_add(&histogram, values[i]);
    for (unsigned power = 3; power <= 35; power++) {
        uint64_t n = 0;
        for (size_t i = 0; i < VALUES; i++)
            n += values[i] < 1ull << power;
        cr_expect_eq(weir_histogram_below(&histogram, power), n, "2^%u", power);
    }
    cr_expect_eq(weir_histogram_count(&histogram), VALUES);
}

Test(stats_histogram, the_sum_is_exact_and_merged)
{
    weir_histogram_add(&histogram, 1000);
    weir_histogram_add(&histogram, 1);
    weir_histogram_add(&other, 30);
    weir_histogram_merge(&histogram, &other);
    cr_expect_eq(weir_counter_get(&histogram.sum_us), 1031);
    cr_expect_eq(weir_histogram_count(&histogram), 3);
}
