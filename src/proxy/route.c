/* Two levels: hosts, and the paths of each. Both ask the same question: which of these texts does
 * this one begin with? Sorted, the last text not behind it is one of them, or shares its beginning
 * with one: then that is among those above it (`up`). For hosts, "begins" means from their end. */
#include "weir/proxy/route.h"

#include <stdlib.h>

enum { HOST_BYTES_MAX = 256 }; /* a name has 253; what is longer differs before that, or is none */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* ---- Finding ---- */

static int compare(struct weir_slice a, struct weir_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* The longest of the entries that TEXT begins with, or NONE. */
static uint32_t find_start(const struct weir_route_entry *entries, size_t n, struct weir_slice text)
{
    size_t low = 0, high = n, shared = 0;
    uint32_t found;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(entries[middle].text, text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return WEIR_ROUTE_NONE;
    found = (uint32_t)(low - 1);
    while (shared < text.len && shared < entries[found].text.len &&
           text.data[shared] == entries[found].text.data[shared])
        shared++;
    while (found != WEIR_ROUTE_NONE && entries[found].text.len > shared)
        found = entries[found].up;
    return found;
}

/* The first route of these paths that PATH begins with. */
static uint32_t find_path(const struct weir_routes *routes, const struct weir_route_entry *host,
                          struct weir_slice path)
{
    const struct weir_route_entry *paths = &routes->paths[host->paths];
    uint32_t found = find_start(paths, host->n_paths, path);

    return found != WEIR_ROUTE_NONE ? paths[found].first : WEIR_ROUTE_NONE;
}

/* The letters of HOST, the last first. */
static struct weir_slice reverse(struct weir_slice host, char letters[HOST_BYTES_MAX])
{
    size_t len = host.len < HOST_BYTES_MAX ? host.len : HOST_BYTES_MAX;

    for (size_t i = 0; i < len; i++)
        letters[i] = lower(host.data[host.len - 1 - i]);
    return weir_slice_make(letters, len);
}

const struct weir_pool_plan *weir_route_find(const struct weir_routes *routes,
                                             struct weir_slice host, struct weir_slice path,
                                             const struct weir_pool_plan *fallback)
{
    char letters[HOST_BYTES_MAX];
    uint32_t best = WEIR_ROUTE_NONE, found, i;

    if (routes->n == 0)
        return fallback;
    /* A name that ends with a dot is the same name (RFC 3986 section 3.2.2). */
    if (host.len > 1 && host.data[host.len - 1] == '.')
        host.len--;
    struct weir_slice name = reverse(host, letters);
    i = find_start(routes->hosts, routes->n_hosts, name);
    if (i != WEIR_ROUTE_NONE && routes->hosts[i].text.len == host.len)
        best = find_path(routes, &routes->hosts[i], path);
    for (i = find_start(routes->wilds, routes->n_wilds, name); i != WEIR_ROUTE_NONE;
         i = routes->wilds[i].up) {
        /* "*.example.com" is any name below example.com, not itself. */
        if (routes->wilds[i].text.len > 0 && routes->wilds[i].text.len == host.len)
            continue;
        found = find_path(routes, &routes->wilds[i], path);
        best = found < best ? found : best;
    }
    return best != WEIR_ROUTE_NONE ? routes->routes[best].plan : fallback;
}

/* ---- Building ---- */

/* A route on its way into the index. */
struct row {
    struct weir_slice host; /* its letters, the last first */
    struct weir_slice path;
    uint32_t route;
    bool is_wild;
};

static int by_host_and_path(const void *a, const void *b)
{
    const struct row *p = a, *q = b;
    int order = p->is_wild != q->is_wild ? (p->is_wild ? 1 : -1) : compare(p->host, q->host);

    if (order == 0)
        order = compare(p->path, q->path);
    return order != 0 ? order : p->route < q->route ? -1 : 1;
}

/* Of entries in order, the last one's. */
static uint32_t find_up(const struct weir_route_entry *entries, uint32_t last)
{
    uint32_t up = last > 0 ? last - 1 : WEIR_ROUTE_NONE;

    while (up != WEIR_ROUTE_NONE && !weir_slice_has_prefix(entries[last].text, entries[up].text))
        up = entries[up].up;
    return up;
}

/* What has the same path as one before it is never reached. */
static void add_path(struct weir_routes *routes, struct weir_route_entry *host,
                     const struct row *row)
{
    struct weir_route_entry *paths = &routes->paths[host->paths];
    uint32_t last = host->n_paths;

    if (last > 0 && weir_slice_is_equal(paths[last - 1].text, row->path))
        return;
    host->n_paths++;
    paths[last] = (struct weir_route_entry){.text = row->path, .first = row->route};
    paths[last].up = find_up(paths, last);
    if (paths[last].up != WEIR_ROUTE_NONE && paths[paths[last].up].first < paths[last].first)
        paths[last].first = paths[paths[last].up].first;
}

static void add_rows(struct weir_routes *routes, const struct row *rows)
{
    uint32_t n_paths = 0;

    for (size_t i = 0; i < routes->n; i++) {
        bool is_wild = rows[i].is_wild;
        struct weir_route_entry *hosts = is_wild ? routes->wilds : routes->hosts;
        size_t *n = is_wild ? &routes->n_wilds : &routes->n_hosts;
        if (*n == 0 || !weir_slice_is_equal(hosts[*n - 1].text, rows[i].host)) {
            hosts[*n] = (struct weir_route_entry){.text = rows[i].host, .paths = n_paths};
            hosts[*n].up = find_up(hosts, (uint32_t)*n);
            (*n)++;
        }
        add_path(routes, &hosts[*n - 1], &rows[i]);
        n_paths = hosts[*n - 1].paths + hosts[*n - 1].n_paths;
    }
}

static void make_rows(struct weir_routes *routes, struct row *rows)
{
    char *letters = routes->letters;

    for (size_t i = 0; i < routes->n; i++) {
        const struct weir_route *route = &routes->routes[i];
        rows[i] = (struct row){.host = weir_slice_make(letters, route->host.len),
                               .path = route->path,
                               .route = (uint32_t)i,
                               .is_wild = route->is_wildcard || route->host.len == 0};
        for (size_t k = route->host.len; k > 0; k--)
            *letters++ = lower(route->host.data[k - 1]);
    }
    qsort(rows, routes->n, sizeof(*rows), by_host_and_path);
}

bool weir_routes_index(struct weir_routes *routes)
{
    struct row *rows = calloc(routes->n + 1, sizeof(*rows));
    size_t n_letters = 1;
    bool done;

    for (size_t i = 0; i < routes->n; i++)
        n_letters += routes->routes[i].host.len;
    routes->letters = malloc(n_letters);
    routes->hosts = calloc(routes->n + 1, sizeof(*routes->hosts));
    routes->wilds = calloc(routes->n + 1, sizeof(*routes->wilds));
    routes->paths = calloc(routes->n + 1, sizeof(*routes->paths));
    done = rows && routes->letters && routes->hosts && routes->wilds && routes->paths;
    if (done) {
        make_rows(routes, rows);
        add_rows(routes, rows);
    }
    free(rows);
    return done;
}

void weir_routes_fini(struct weir_routes *routes)
{
    free(routes->routes);
    free(routes->letters);
    free(routes->hosts);
    free(routes->wilds);
    free(routes->paths);
    *routes = (struct weir_routes){.n = 0};
}
