#include "weir/base/slab.h"

#include "weir/base/assert.h"

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
enum { KEEPS = 0 };
#else
enum { KEEPS = 1 };
#endif

enum { BLOCKS_KEPT = 512 };

void weir_slab_init(struct weir_slab *slab, size_t object_bytes, unsigned n_free_max)
{
    WEIR_ASSERT(object_bytes >= sizeof(void *));
    *slab = (struct weir_slab){.object_bytes = object_bytes, .n_free_max = n_free_max};
}

void weir_slab_fini(struct weir_slab *slab)
{
    while (slab->free) {
        void *object = slab->free;
        slab->free = *(void **)object;
        free(object);
    }
    slab->n_free = 0;
}

void *weir_slab_take(struct weir_slab *slab)
{
    void *object = slab->free;

    if (!object)
        return malloc(slab->object_bytes);
    slab->free = *(void **)object;
    slab->n_free--;
    __builtin_prefetch(slab->free, 1);
    return object;
}

void weir_slab_give(struct weir_slab *slab, void *object)
{
    if (!KEEPS || slab->n_free >= slab->n_free_max) {
        free(object);
        return;
    }
    *(void **)object = slab->free;
    slab->free = object;
    slab->n_free++;
}

void weir_blocks_init(struct weir_slab *blocks)
{
    weir_slab_init(blocks, sizeof(struct weir_block) + WEIR_BLOCK_BYTES, BLOCKS_KEPT);
}

struct weir_block *weir_block_take(struct weir_slab *blocks, size_t bytes)
{
    struct weir_block *block;

    if (bytes <= WEIR_BLOCK_BYTES) {
        bytes = WEIR_BLOCK_BYTES;
        block = weir_slab_take(blocks);
    } else {
        block = malloc(sizeof(*block) + bytes);
    }
    if (block)
        block->size = bytes;
    return block;
}

void weir_block_give(struct weir_slab *blocks, struct weir_block **block)
{
    if (!*block)
        return;
    if ((*block)->size == WEIR_BLOCK_BYTES)
        weir_slab_give(blocks, *block);
    else
        free(*block);
    *block = NULL;
}
