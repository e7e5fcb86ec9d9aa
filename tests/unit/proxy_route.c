#include "weir/base/random.h"
#include "weir/proxy/route.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { API, STATIC, WILD, PATH, FALLBACK, PLANS, NONE };

static const struct weir_pool_plan plans[PLANS];

#define ROUTE(host_text, wild, path_text, index)                                                   \
    {                                                                                              \
        .host = WEIR_SLICE(host_text), .path = WEIR_SLICE(path_text), .is_wildcard = wild,         \
        .plan = &plans[index]                                                                      \
    }

static struct weir_route routes[] = {
    ROUTE("api.example.com", false, "/v1/", API),
    ROUTE("api.example.com", false, "/static", STATIC),
    ROUTE(".example.com", true, "", WILD),
    ROUTE("", false, "/any/", PATH),
};

struct row {
    const char *host, *path;
    int plan;
};

static const struct row rows[] = {
    {"api.example.com", "/v1/", API},
    {"api.example.com", "/v1/users", API},
    {"API.Example.COM", "/v1/users", API},
    {"api.example.com", "/v1", WILD},
    {"api.example.com", "/V1/", WILD},
    {"api.example.com", "/x/v1/", WILD},
    {"api.example.com", "/static", STATIC},
    {"api.example.com", "/statics/a", STATIC},
    {"api.example.com", "/", WILD},
    {"b.example.com", "/v1/", WILD},
    {"b.example.com.", "/v1/", WILD}, /* the same name */
    {"a.b.Example.com", "/", WILD},
    {"b.example.com", "/any/", WILD}, /* the first that matches, not the longest */
    {"example.com", "/", FALLBACK},
    {".example.com", "/", FALLBACK},
    {"badexample.com", "/", FALLBACK},
    {"api.example.com.evil", "/v1/", FALLBACK},
    {"example.com", "/any/thing", PATH},
    {"", "/any/", PATH},
    {"", "/", FALLBACK},
    {"other", "*", FALLBACK},
};

static int index_of(const struct weir_pool_plan *plan)
{
    return plan ? (int)(plan - plans) : NONE;
}

static const struct weir_pool_plan *find(const struct weir_routes *index, const char *host,
                                         const char *path)
{
    return weir_route_find(index, weir_slice_from(host), weir_slice_from(path), &plans[FALLBACK]);
}

/* An index of a copy of these routes. */
static struct weir_routes make_index(const struct weir_route *from, size_t n)
{
    struct weir_routes index = {.routes = malloc((n + 1) * sizeof(*from)), .n = n};

    cr_assert_not_null(index.routes);
    if (n > 0)
        memcpy(index.routes, from, n * sizeof(*from));
    cr_assert(weir_routes_index(&index));
    return index;
}

Test(proxy_route, first_match_of_host_and_path_wins)
{
    struct weir_routes index = make_index(routes, sizeof(routes) / sizeof(*routes));

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct weir_pool_plan *plan = find(&index, rows[i].host, rows[i].path);
        cr_expect_eq(index_of(plan), rows[i].plan, "%s %s: %d", rows[i].host, rows[i].path,
                     index_of(plan));
    }
    weir_routes_fini(&index);
}

Test(proxy_route, without_a_match_and_a_fallback_there_is_none)
{
    struct weir_routes index = make_index(routes, 1);

    cr_expect_null(weir_route_find(&index, weir_slice_from("a"), weir_slice_from("/"), NULL));
    weir_routes_fini(&index);
    index = make_index(routes, 0);
    cr_expect_null(weir_route_find(&index, weir_slice_from("a"), weir_slice_from("/"), NULL));
    weir_routes_fini(&index);
}

/* ---- Against trying one after the other ---- */

enum { TRIALS = 400, ROUTES_MAX = 40, TEXT_MAX = 320 };

static uint32_t random_state = 2463534242u;

static uint32_t below(uint32_t n)
{
    return (uint32_t)weir_random_below(&random_state, n);
}

/* Names and paths that share beginnings and ends more often than not. */
static struct weir_slice make_text(const char *pieces, size_t pieces_max)
{
    char *text = malloc(TEXT_MAX);
    size_t len = 0;

    for (size_t n = below((uint32_t)pieces_max + 1); n > 0; n--) {
        text[len++] = pieces[below((uint32_t)strlen(pieces))];
        text[len++] = pieces[0];
    }
    return weir_slice_make(text, len);
}

static bool matches(const struct weir_route *route, struct weir_slice host, struct weir_slice path)
{
    struct weir_slice tail = host.len > route->host.len
                                 ? weir_slice_make(host.data + host.len - route->host.len,
                                                   route->host.len)
                                 : weir_slice_make("", 0);
    bool host_matches = route->host.len == 0 ||
                        (route->is_wildcard ? weir_slice_is_alike(tail, route->host)
                                            : weir_slice_is_alike(host, route->host));

    return host_matches && weir_slice_has_prefix(path, route->path);
}

Test(proxy_route, the_index_finds_what_trying_each_would)
{
    for (int trial = 0; trial < TRIALS; trial++) {
        struct weir_route many[ROUTES_MAX];
        size_t n = below(ROUTES_MAX + 1);

        for (size_t i = 0; i < n; i++)
            many[i] = (struct weir_route){.host = make_text("xab", 3),
                                          .path = make_text("/pq", 3),
                                          .is_wildcard = below(2) == 0,
                                          .plan = &plans[below(PLANS)]};
        struct weir_routes index = make_index(many, n);
        for (int k = 0; k < 50; k++) {
            struct weir_slice host = make_text("xaB", 4), path = make_text("/pq", 5);
            const struct weir_pool_plan *expected = NULL;
            for (size_t i = 0; i < n && !expected; i++)
                expected = matches(&many[i], host, path) ? many[i].plan : NULL;
            cr_expect_eq(weir_route_find(&index, host, path, NULL), expected, "%.*s %.*s",
                         (int)host.len, host.data, (int)path.len, path.data);
            free((void *)host.data);
            free((void *)path.data);
        }
        for (size_t i = 0; i < n; i++) {
            free((void *)many[i].host.data);
            free((void *)many[i].path.data);
        }
        weir_routes_fini(&index);
    }
}

/* What is longer than any name only shares its end with routes. */
Test(proxy_route, a_host_without_end_is_no_other_host)
{
    static char host[20000];
    struct weir_routes index = make_index(routes, sizeof(routes) / sizeof(*routes));

    memset(host, '.', sizeof(host));
    memcpy(host + sizeof(host) - 16, "api.example.com", 16);
    cr_expect_eq(index_of(find(&index, host, "/v1/")), WILD);
    memset(host + sizeof(host) - 16, 'a', 15);
    cr_expect_eq(index_of(find(&index, host, "/v1/")), FALLBACK);
    weir_routes_fini(&index);
}
