/* What is to be written at once: text of its own, and slices of other people's buffers.
 * Neighbouring slices become one; text that is copied one after the other is one slice, which is
 * what most heads come to. What does not fit the fixed room goes to the heap, so that no head is
 * too wild, only slower.
 *
 * Errors are sticky: fill it, then ask weir_gather_has_failed once (out of memory). */
#ifndef WEIR_BASE_GATHER_H
#define WEIR_BASE_GATHER_H

#include "weir/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR_GATHER_SLICES = 48, WEIR_GATHER_TEXT = 1536 };

struct weir_gather {
    uint32_t first, n; /* slices[first, n) are still to be written */
    uint32_t text_len;
    bool is_open; /* the last slice ends where `text` does: what is copied next belongs to it */
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
/* As weir_gather_copy below, where it begins a slice. */
void weir_gather_copy_apart(struct weir_gather *gather, struct weir_slice slice);
/* Adds a number in decimal digits. */
void weir_gather_number(struct weir_gather *gather, uint64_t number);
void weir_gather_print(struct weir_gather *gather, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Keeps a place for text that is known only when what follows it is; filled in by
 * weir_gather_fill with the mark that came back. One slice of room must be left (weir_gather_room).
 */
uint32_t weir_gather_mark(struct weir_gather *gather);
void weir_gather_fill(struct weir_gather *gather, uint32_t mark, struct weir_slice text);

/* Where there is text, and behind it one slice, which begins at DATA with ROOM bytes before it that
 * nobody needs any more: the text moves there, if it fits, and both are one. */
void weir_gather_move_before(struct weir_gather *gather, char *data, size_t room);

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

/* Adds a copy. */
static inline void weir_gather_copy(struct weir_gather *gather, struct weir_slice slice)
{
    if (!gather->is_open || gather->text_len + slice.len > WEIR_GATHER_TEXT) {
        weir_gather_copy_apart(gather, slice);
        return;
    }
    memcpy(gather->text + gather->text_len, slice.data, slice.len);
    gather->text_len += (uint32_t)slice.len;
    gather->slices[gather->n - 1].len += slice.len;
}

/* Adds a copy where there is room for it, or else the bytes as they lie, which must then stay. */
static inline void weir_gather_join(struct weir_gather *gather, struct weir_slice slice)
{
    if (gather->text_len + slice.len <= WEIR_GATHER_TEXT)
        weir_gather_copy(gather, slice);
    else
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
