/* What was counted, over all threads. */
#ifndef WEIR_BENCH_ORIGIN_COUNTS_H
#define WEIR_BENCH_ORIGIN_COUNTS_H

#include <stddef.h>
#include <stdint.h>

enum origin_count {
    ORIGIN_ACCEPTED,
    ORIGIN_REQUESTS,
    ORIGIN_POSTS,
    ORIGIN_ABORTED,
    ORIGIN_COUNTS,
};

/* Thread: any. */
void origin_count_add(enum origin_count which);
uint64_t origin_count_get(enum origin_count which);

/* A connection was accepted; it was closed; it turned out to be one that asks for the counts.
 * Thread: any. */
void origin_count_opened(void);
void origin_count_closed(void);
void origin_count_forget(void);

/* The connections now open are none that ask for the counts: how many are open at most is taken
 * from here. */
void origin_count_settle(void);

/* Zeroes all but the number of open connections. Thread: any. */
void origin_counts_reset(void);

/* Writes them as JSON, terminated by NUL. Returns the length. */
size_t origin_counts_describe(char *text, size_t size);

#endif
