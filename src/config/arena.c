#include "weir/config/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

struct weir_arena_piece {
    struct weir_arena_piece *next;
    alignas(max_align_t) unsigned char bytes[];
};

void weir_arena_init(struct weir_arena *arena, size_t bytes_max)
{
    *arena = (struct weir_arena){.bytes_left = bytes_max};
}

void weir_arena_fini(struct weir_arena *arena)
{
    while (arena->pieces != NULL) {
        struct weir_arena_piece *piece = arena->pieces;
        arena->pieces = piece->next;
        free(piece);
    }
}

void *weir_arena_take(struct weir_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    struct weir_arena_piece *piece = NULL;

    if (!__builtin_mul_overflow(count, size, &bytes) &&
        !__builtin_add_overflow(bytes, sizeof(*piece), &bytes) && bytes <= arena->bytes_left)
        piece = calloc(1, bytes);
    if (piece == NULL) {
        arena->is_exhausted = true;
        return NULL;
    }
    arena->bytes_left -= bytes;
    piece->next = arena->pieces;
    arena->pieces = piece;
    return piece->bytes;
}

char *weir_arena_copy(struct weir_arena *arena, struct weir_slice text)
{
    char *copy = weir_arena_take(arena, text.len + 1, 1);
    if (copy != NULL && text.len > 0)
        memcpy(copy, text.data, text.len);
    return copy;
}
