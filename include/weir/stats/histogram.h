/* Durations in log-linear buckets: eight to each power of two, so that a quantile is at most 12.5 %
 * above the truth; from 1 us to about 19 hours. */
#ifndef WEIR_STATS_HISTOGRAM_H
#define WEIR_STATS_HISTOGRAM_H

#include "weir/stats/counters.h"

#include <stdbool.h>

enum { WEIR_HISTOGRAM_BUCKETS = 8 * 34 };

/* One writer, any number of readers. All zero is empty. */
struct weir_histogram {
    weir_counter buckets[WEIR_HISTOGRAM_BUCKETS];
    weir_counter max_us, sum_us;
};

/* Thread: the histogram's one writer. */
void weir_histogram_add(struct weir_histogram *histogram, uint64_t us);

/* Adds FROM to TO. Thread: whoever owns TO. */
void weir_histogram_merge(struct weir_histogram *to, const struct weir_histogram *from);

/* What was added to a histogram between two looks at it; its largest value is that of LATER. False:
 * nothing was. Thread: whoever owns BETWEEN. */
bool weir_histogram_between(struct weir_histogram *between, const struct weir_histogram *earlier,
                            const struct weir_histogram *later);

/* The duration that this share (0 to 1) of the values does not exceed, rounded up to its bucket's
 * end and never above the largest value; 0 when empty. */
uint64_t weir_histogram_quantile_us(const struct weir_histogram *histogram, double share);

/* How many values are below 2^POWER us; POWER is 3 to 35. Of one histogram that nobody writes to,
 * never more for a lower POWER. */
uint64_t weir_histogram_below(const struct weir_histogram *histogram, unsigned power);
/* How many there are in all. */
uint64_t weir_histogram_count(const struct weir_histogram *histogram);

#endif
