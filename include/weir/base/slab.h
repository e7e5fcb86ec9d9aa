/* A free list of objects of one size, and blocks, the buffers of 16 KiB that all bytes pass
 * through. In steady state nothing here asks the heap. In builds with AddressSanitizer everything
 * does, so that a use after free is seen.
 *
 * Thread: each belongs to one loop. */
#ifndef WEIR_BASE_SLAB_H
#define WEIR_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR_BLOCK_BYTES = 16384 };

struct weir_slab {
    size_t object_bytes;
    unsigned n_free, n_free_max; /* what is freed beyond the maximum goes back to the heap */
    void *free;
};

void weir_slab_init(struct weir_slab *slab, size_t object_bytes, unsigned n_free_max);
void weir_slab_fini(struct weir_slab *slab);
/* Not cleared. Fails: NULL. */
void *weir_slab_take(struct weir_slab *slab);
void weir_slab_give(struct weir_slab *slab, void *object);

/* A buffer. `size` is WEIR_BLOCK_BYTES, or more for a head that needs it. */
struct weir_block {
    size_t size;
    char data[];
};

void weir_blocks_init(struct weir_slab *blocks);
/* A block of at least BYTES. Fails: NULL. */
struct weir_block *weir_block_take(struct weir_slab *blocks, size_t bytes);
/* Gives *block back and empties it; nothing happens when it is NULL. */
void weir_block_give(struct weir_slab *blocks, struct weir_block **block);

#endif
