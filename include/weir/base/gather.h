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

enum { WEIR_GATHER_SLICES = 48, WEIR_GATHER_TEXT = 512, WEIR_GATHER_JOINED = 128 };

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

/* As weir_gather_add below, where it is known that nothing lies before it. */
void weir_gather_add_apart(struct weir_gather *gather, struct weir_slice slice);
/* Adds a copy. Copies that follow one another are one slice. */
void weir_gather_copy(struct weir_gather *gather, struct weir_slice slice);
/* Adds a number in decimal digits. */
void weir_gather_number(struct weir_gather *gather, uint64_t number);
void weir_gather_print(struct weir_gather *gather, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Keeps a place for text that is known only when what follows it is; filled in by
 * weir_gather_fill with the mark that came back. One slice of room must be left (weir_gather_room).
 */
uint32_t weir_gather_mark(struct weir_gather *gather);
void weir_gather_fill(struct weir_gather *gather, uint32_t mark, struct weir_slice text);

/* LEN bytes of text were written. */
void weir_gather_advance(struct weir_gather *gather, size_t len);

/* Adds bytes that stay where they are until they are written. */
static inline void weir_gather_add(struct weir_gather *gather, struct weir_slice slice)
{
    if (gather->n > gather->first) {
        struct weir_slice *last = &gather->slices[gather->n - 1];
        if (last->len > 0 && last->data + last->len == slice.data) {
            last->len += slice.len;
            return;
        }
    }
    weir_gather_add_apart(gather, slice);
}

/* Adds bytes that stay where they are, or, if they are few, a copy: for text between other text,
 * where one slice less spares more than the copy costs. */
static inline void weir_gather_join(struct weir_gather *gather, struct weir_slice slice)
{
    char *text = gather->text + gather->text_len;

    if (slice.len <= WEIR_GATHER_JOINED && slice.len <= WEIR_GATHER_TEXT - gather->text_len) {
        memcpy(text, slice.data, slice.len);
        gather->text_len += (uint32_t)slice.len;
        slice.data = text;
    }
    weir_gather_add(gather, slice);
}

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
