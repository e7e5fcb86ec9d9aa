#include "weir/proxy/generation.h"

static bool host_matches(const struct weir_route *route, struct weir_slice host)
{
    if (route->host.len == 0)
        return true;
    if (!route->is_wildcard)
        return weir_slice_is_alike(route->host, host);
    /* "*.example.com" is any name below example.com, not itself. */
    return host.len > route->host.len &&
           weir_slice_is_alike(route->host, weir_slice_make(host.data + host.len - route->host.len,
                                                            route->host.len));
}

const struct weir_pool_plan *weir_route_find(const struct weir_listener_plan *listener,
                                             struct weir_slice host, struct weir_slice path)
{
    /* A name that ends with a dot is the same name (RFC 3986 section 3.2.2). */
    if (host.len > 1 && host.data[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i < listener->n_routes; i++) {
        const struct weir_route *route = &listener->routes[i];
        if (host_matches(route, host) && weir_slice_has_prefix(path, route->path))
            return route->plan;
    }
    return listener->fallback;
}
