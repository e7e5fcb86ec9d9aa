#include "weir/proxy/generation.h"

#include <criterion/criterion.h>

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

Test(proxy_route, first_match_of_host_and_path_wins)
{
    struct weir_listener_plan listener = {.routes = routes,
                                          .n_routes = sizeof(routes) / sizeof(*routes),
                                          .fallback = &plans[FALLBACK]};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct weir_pool_plan *plan = weir_route_find(
            &listener, weir_slice_from(rows[i].host), weir_slice_from(rows[i].path));
        cr_expect_eq(index_of(plan), rows[i].plan, "%s %s: %d", rows[i].host, rows[i].path,
                     index_of(plan));
    }
}

Test(proxy_route, without_a_match_and_a_fallback_there_is_none)
{
    struct weir_listener_plan listener = {.routes = routes, .n_routes = 1};

    cr_expect_null(weir_route_find(&listener, weir_slice_from("a"), weir_slice_from("/")));
    listener.n_routes = 0;
    cr_expect_null(weir_route_find(&listener, weir_slice_from("a"), weir_slice_from("/")));
}
