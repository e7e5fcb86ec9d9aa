/* Routes: which pool takes a request, by its host and its path. The first that matches both wins;
 * where it stands among thousands is found by searching, not by trying one after the other. */
#ifndef WEIR_PROXY_ROUTE_H
#define WEIR_PROXY_ROUTE_H

#include "weir/upstream/pool.h"

struct weir_route {
    struct weir_slice host; /* lower case; empty: any; a leading "*." is cut to "." */
    struct weir_slice path; /* empty: any */
    bool is_wildcard;
    const struct weir_pool_plan *plan;
};

/* A text of an index. In its order a text comes behind those that it begins with, and `up` is the
 * longest of them. */
struct weir_route_entry {
    struct weir_slice text;  /* a path; of a host its letters from the last to the first */
    uint32_t up;             /* WEIR_ROUTE_NONE: there is no such */
    uint32_t first;          /* of a path: the first route with it or one that it begins with */
    uint32_t paths, n_paths; /* of a host: its part of `paths` */
};

#define WEIR_ROUTE_NONE UINT32_MAX

/* Immutable once built: part of a generation. */
struct weir_routes {
    struct weir_route *routes;
    size_t n;
    struct weir_route_entry *hosts; /* exact ones */
    struct weir_route_entry *wilds; /* with "*.", and the empty one, for any host */
    struct weir_route_entry *paths; /* of one host after the other */
    size_t n_hosts, n_wilds;
    char *letters; /* the hosts' texts */
};

/* Makes ready for weir_route_find what `routes` and `n` say. Owns: what weir_routes_fini frees,
 * also after a failure, `routes` included. Fails: false, out of memory. */
bool weir_routes_index(struct weir_routes *routes);
void weir_routes_fini(struct weir_routes *routes);

/* The plan that takes a request, or FALLBACK. HOST without port, PATH without query. Pure. */
const struct weir_pool_plan *weir_route_find(const struct weir_routes *routes,
                                             struct weir_slice host, struct weir_slice path,
                                             const struct weir_pool_plan *fallback);

#endif
