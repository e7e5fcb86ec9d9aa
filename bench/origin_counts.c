#include "origin_counts.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_uint_fast64_t counts[ORIGIN_COUNTS];
static atomic_int_fast64_t open_now;
static atomic_int_fast64_t open_max;

void origin_count_add(enum origin_count which)
{
    atomic_fetch_add_explicit(&counts[which], 1, memory_order_relaxed);
}

uint64_t origin_count_get(enum origin_count which)
{
    return atomic_load_explicit(&counts[which], memory_order_relaxed);
}

void origin_count_opened(void)
{
    origin_count_add(ORIGIN_ACCEPTED);
    atomic_fetch_add_explicit(&open_now, 1, memory_order_relaxed);
}

void origin_count_settle(void)
{
    int_fast64_t now = atomic_load_explicit(&open_now, memory_order_relaxed);
    int_fast64_t max = atomic_load_explicit(&open_max, memory_order_relaxed);
    while (now > max && !atomic_compare_exchange_weak(&open_max, &max, now))
        continue;
}

void origin_count_closed(void)
{
    atomic_fetch_sub_explicit(&open_now, 1, memory_order_relaxed);
}

void origin_count_forget(void)
{
    atomic_fetch_sub_explicit(&counts[ORIGIN_ACCEPTED], 1, memory_order_relaxed);
    origin_count_closed();
}

void origin_counts_reset(void)
{
    for (int i = 0; i < ORIGIN_COUNTS; i++)
        atomic_store_explicit(&counts[i], 0, memory_order_relaxed);
    atomic_store(&open_max, atomic_load(&open_now));
}

size_t origin_counts_describe(char *text, size_t size)
{
    int len = snprintf(text, size,
                       "{\"connections\":{\"accepted\":%" PRIu64 ",\"open\":%" PRIdFAST64
                       ",\"open_max\":%" PRIdFAST64 "},\"requests\":%" PRIu64 ",\"posts\":%" PRIu64
                       ",\"aborted\":%" PRIu64 "}\n",
                       origin_count_get(ORIGIN_ACCEPTED), atomic_load(&open_now),
                       atomic_load(&open_max), origin_count_get(ORIGIN_REQUESTS),
                       origin_count_get(ORIGIN_POSTS), origin_count_get(ORIGIN_ABORTED));
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}
