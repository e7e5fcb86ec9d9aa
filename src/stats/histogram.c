#include "weir/stats/histogram.h"

enum { SUB_BITS = 3, SUB = 1 << SUB_BITS };

static unsigned bucket_of(uint64_t us)
{
    unsigned exponent, bucket;

    if (us < SUB)
        return (unsigned)us;
    exponent = 63 - (unsigned)__builtin_clzll(us);
    bucket = (exponent - SUB_BITS + 1) * SUB + (unsigned)(us >> (exponent - SUB_BITS) & (SUB - 1));
    return bucket < WEIR_HISTOGRAM_BUCKETS ? bucket : WEIR_HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t end_of(unsigned bucket)
{
    unsigned shift;

    if (bucket < SUB)
        return bucket;
    shift = bucket / SUB - 1;
    return (((uint64_t)(SUB + bucket % SUB) + 1) << shift) - 1;
}

void weir_histogram_add(struct weir_histogram *histogram, uint64_t us)
{
    weir_count(&histogram->buckets[bucket_of(us)], 1);
    weir_count(&histogram->sum_us, us);
    if (us > weir_counter_get(&histogram->max_us))
        atomic_store_explicit(&histogram->max_us, us, memory_order_relaxed);
}

void weir_histogram_merge(struct weir_histogram *to, const struct weir_histogram *from)
{
    uint64_t max_us = weir_counter_get(&from->max_us);

    /* Of thousands of servers most have nothing new to add, many nothing at all. */
    if (max_us == 0 && weir_counter_get(&from->buckets[0]) == 0)
        return;
    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++)
        weir_count(&to->buckets[i], weir_counter_get(&from->buckets[i]));
    weir_count(&to->sum_us, weir_counter_get(&from->sum_us));
    if (max_us > weir_counter_get(&to->max_us))
        atomic_store_explicit(&to->max_us, max_us, memory_order_relaxed);
}

/* What was merged of several can shrink, when one of them goes. */
bool weir_histogram_between(struct weir_histogram *between, const struct weir_histogram *earlier,
                            const struct weir_histogram *later)
{
    bool has_any = false;

    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS; i++) {
        uint64_t then = weir_counter_get(&earlier->buckets[i]);
        uint64_t now = weir_counter_get(&later->buckets[i]);

        between->buckets[i] = now > then ? now - then : 0;
        has_any = has_any || now > then;
    }
    between->max_us = weir_counter_get(&later->max_us);
    between->sum_us = weir_counter_get(&later->sum_us) - weir_counter_get(&earlier->sum_us);
    return has_any;
}

static uint64_t count_before(const struct weir_histogram *histogram, unsigned end)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < end; i++)
        n += weir_counter_get(&histogram->buckets[i]);
    return n;
}

uint64_t weir_histogram_below(const struct weir_histogram *histogram, unsigned power)
{
    return count_before(histogram, bucket_of(1ull << power));
}

uint64_t weir_histogram_count(const struct weir_histogram *histogram)
{
    return count_before(histogram, WEIR_HISTOGRAM_BUCKETS);
}

uint64_t weir_histogram_quantile_us(const struct weir_histogram *histogram, double share)
{
    uint64_t total = weir_histogram_count(histogram), seen = 0;
    uint64_t max_us = weir_counter_get(&histogram->max_us);

    for (unsigned i = 0; i < WEIR_HISTOGRAM_BUCKETS && total > 0; i++) {
        seen += weir_counter_get(&histogram->buckets[i]);
        if ((double)seen >= share * (double)total && seen > 0)
            return end_of(i) < max_us ? end_of(i) : max_us;
    }
    return total > 0 ? max_us : 0;
}
