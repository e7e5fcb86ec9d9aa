/* Memory that is given back all at once: a configuration, the tree it was read from, the list of
 * its faults. What is taken lies in few large pieces of the heap. */
#ifndef WEIR_CONFIG_ARENA_H
#define WEIR_CONFIG_ARENA_H

#include "weir/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct weir_arena_piece;

/* Owns: all that was taken from it. Thread: one at a time. */
struct weir_arena {
    struct weir_arena_piece *pieces;
    unsigned char *room; /* what the newest piece has left */
    size_t room_bytes;
    size_t bytes_left; /* of what it may ask of the heap */
    bool is_exhausted; /* a take has failed; stays so */
};

/* BYTES_MAX bounds what is asked of the heap. */
void weir_arena_init(struct weir_arena *arena, size_t bytes_max);
void weir_arena_fini(struct weir_arena *arena);

/* COUNT times SIZE bytes, cleared; never NULL for zero bytes.
 * Fails: NULL, and is_exhausted is set. */
void *weir_arena_take(struct weir_arena *arena, size_t count, size_t size);

/* A copy of the slice with a NUL behind it. Fails: as weir_arena_take. */
char *weir_arena_copy(struct weir_arena *arena, struct weir_slice text);

#endif
