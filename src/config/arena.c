#include "weir/config/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* So much is asked of the heap at once. AddressSanitizer is to see the end of each take: there it
 * has a piece of its own. */
#ifdef __SANITIZE_ADDRESS__
static const size_t piece_bytes = 0;
#else
static const size_t piece_bytes = (size_t)64 * 1024;
#endif

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

/* A piece that has room for BYTES. What the former had left is given up. Fails: false. */
static bool add_piece(struct weir_arena *arena, size_t bytes)
{
    struct weir_arena_piece *piece;
    size_t size = bytes > piece_bytes ? bytes : piece_bytes;

    if (arena->bytes_left < sizeof(*piece) || arena->bytes_left - sizeof(*piece) < bytes)
        return false;
    if (size > arena->bytes_left - sizeof(*piece))
        size = bytes;
    piece = malloc(sizeof(*piece) + size);
    if (piece == NULL)
        return false;
    arena->bytes_left -= sizeof(*piece) + size;
    piece->next = arena->pieces;
    arena->pieces = piece;
    arena->room = piece->bytes;
    arena->room_bytes = size;
    return true;
}

void *weir_arena_take(struct weir_arena *arena, size_t count, size_t size)
{
    const size_t step = alignof(max_align_t);
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) ||
        ((arena->room == NULL || bytes > arena->room_bytes) && !add_piece(arena, bytes))) {
        arena->is_exhausted = true;
        return NULL;
    }
    void *taken = arena->room;
    size_t used = (bytes + step - 1) / step * step;
    if (used > arena->room_bytes)
        used = arena->room_bytes;
    arena->room += used;
    arena->room_bytes -= used;
    return memset(taken, 0, bytes);
}

char *weir_arena_copy(struct weir_arena *arena, struct weir_slice text)
{
    char *copy = weir_arena_take(arena, text.len + 1, 1);
    if (copy != NULL && text.len > 0)
        memcpy(copy, text.data, text.len);
    return copy;
}
