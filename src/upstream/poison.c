#include "weir/upstream/poison.h"

#include "weir/upstream/upconn.h"

#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void weir_poison_keep(struct weir_upconn *upconn, const char *data, size_t len)
{
    struct weir_poisons *poisons = &upconn->upstream->poisons;
    struct weir_poison *poison = &poisons->kept[poisons->n++ % WEIR_POISONS_KEPT];
    ssize_t more = 0;

    weir_poison_fini(poison);
    *poison = (struct weir_poison){.at_ms = now_ms(), .id = upconn->life.id};
    poison->pool = weir_pool_ref(upconn->pool);
    poison->server = weir_server_ref(upconn->server);
    poison->len = len < WEIR_POISON_BYTES ? len : WEIR_POISON_BYTES;
    if (poison->len > 0)
        memcpy(poison->bytes, data, poison->len);
    if (poison->len < WEIR_POISON_BYTES)
        more = weir_upconn_read(upconn, (char *)poison->bytes + poison->len,
                                WEIR_POISON_BYTES - poison->len);
    if (more > 0)
        poison->len += (size_t)more;
}

size_t weir_poison_copy(const struct weir_poisons *poisons, struct weir_poison *copies)
{
    size_t n = poisons->n < WEIR_POISONS_KEPT ? (size_t)poisons->n : WEIR_POISONS_KEPT;

    for (size_t i = 0; i < n; i++) {
        copies[i] = poisons->kept[i];
        weir_pool_ref(copies[i].pool);
        weir_server_ref(copies[i].server);
    }
    return n;
}

void weir_poison_fini(struct weir_poison *poison)
{
    if (poison->pool)
        weir_pool_unref(poison->pool);
    if (poison->server)
        weir_server_unref(poison->server);
    poison->pool = NULL;
    poison->server = NULL;
}

void weir_poisons_fini(struct weir_poisons *poisons)
{
    for (size_t i = 0; i < WEIR_POISONS_KEPT; i++)
        weir_poison_fini(&poisons->kept[i]);
}
