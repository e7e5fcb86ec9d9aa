/* What is to be written with one sendmsg: slices of other people's buffers, and some text of its
 * own. Neighbouring slices become one. What does not fit the fixed room goes to the heap, so that
 * no head is too wild, only slower.
 *
 * Errors are sticky: fill it, then ask weir_gather_has_failed once (out of memory). */
#ifndef WEIR_BASE_GATHER_H
#define WEIR_BASE_GATHER_H

#include "weir/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR_GATHER_SLICES = 48, WEIR_GATHER_TEXT = 512 };

struct weir_gather {
    uint32_t first, n; /* slices[first, n) are still to be written */
    uint32_t text_len;
    bool failed;
    struct weir_gather_spill *spills;
    char *packed; /* in the spills: what slices that were too many became */
    size_t packed_size;
    struct weir_slice slices[WEIR_GATHER_SLICES];
    char text[WEIR_GATHER_TEXT];
};

void weir_gather_init(struct weir_gather *gather);
/* Empties it and frees what was on the heap. Idempotent; all that there is to its end. */
void weir_gather_clear(struct weir_gather *gather);

/* Adds bytes that stay where they are until they are written. */
void weir_gather_add(struct weir_gather *gather, struct weir_slice slice);
/* Adds a copy. */
void weir_gather_copy(struct weir_gather *gather, struct weir_slice slice);
void weir_gather_print(struct weir_gather *gather, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Keeps a place for text that is known only when what follows it is; filled in by
 * weir_gather_fill with the mark that came back. One slice of room must be left (weir_gather_room).
 */
uint32_t weir_gather_mark(struct weir_gather *gather);
void weir_gather_fill(struct weir_gather *gather, uint32_t mark, struct weir_slice text);

/* LEN bytes of text were written. */
void weir_gather_advance(struct weir_gather *gather, size_t len);

static inline bool weir_gather_is_empty(const struct weir_gather *gather)
{
    return gather->first == gather->n;
}

static inline uint32_t weir_gather_room(const struct weir_gather *gather)
{
    return WEIR_GATHER_SLICES - gather->n;
}

static inline bool weir_gather_has_failed(const struct weir_gather *gather)
{
    return gather->failed;
}

#endif
