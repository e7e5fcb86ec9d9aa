/* The last connections that were closed because bytes came that no request had asked for, with the
 * first of these bytes. Thread: the worker's. */
#ifndef WEIR_UPSTREAM_POISON_H
#define WEIR_UPSTREAM_POISON_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR_POISON_BYTES = 64, WEIR_POISONS_KEPT = 16 };

struct weir_pool;
struct weir_server;
struct weir_upconn;

struct weir_poison {
    uint64_t at_ms;             /* since 1970, UTC */
    uint64_t id;                /* the connection's */
    struct weir_pool *pool;     /* referenced */
    struct weir_server *server; /* referenced */
    size_t len;
    unsigned char bytes[WEIR_POISON_BYTES];
};

/* Oldest first from `n` on, once it is full. All zero is empty. */
struct weir_poisons {
    uint64_t n; /* ever */
    struct weir_poison kept[WEIR_POISONS_KEPT];
};

/* Keeps what was read from UPCONN, which is about to be closed, and what its socket still holds, as
 * far as there is room. */
void weir_poison_keep(struct weir_upconn *upconn, const char *data, size_t len);

/* Copies what is kept to COPIES (WEIR_POISONS_KEPT of them). Returns how many there are. */
size_t weir_poison_copy(const struct weir_poisons *poisons, struct weir_poison *copies);

/* Gives the references back. Thread: any. */
void weir_poison_fini(struct weir_poison *poison);
void weir_poisons_fini(struct weir_poisons *poisons);

#endif
