/* The first route that matches host and path takes the request; what none takes is a 404. */
#include "support/t_scene.h"

#include <string.h>

static const char yaml[] = T_WEIR_HEAD "listeners:\n"
                                       "  web:\n"
                                       "    listen: [\"127.0.0.1:@port@\"]\n"
                                       "    pool: %s\n"
                                       "    routes:\n"
                                       "      - {host: a.example, path: /x/, pool: a}\n"
                                       "      - {host: a.example, path: /x, pool: b}\n"
                                       "      - {host: \"*.example\", path: /y, pool: c}\n"
                                       "      - {host: \"*.deep.example\", pool: a}\n"
                                       "      - {path: /any, pool: b}\n"
                                       "      - {path: /any/more, pool: a}\n"
                                       "pools:\n"
                                       "  a: {servers: [{address: \"127.0.0.1:%d\"}]}\n"
                                       "  b: {servers: [{address: \"127.0.0.1:%d\"}]}\n"
                                       "  c: {servers: [{address: \"127.0.0.1:%d\"}]}\n";

struct row {
    const char *host, *target, *pool; /* null: none takes it */
};

static const struct row rows[] = {
    {"a.example", "/x/", "a"},
    {"a.example", "/x/1?y=/any", "a"},
    {"A.Example:8080", "/x/", "a"},
    {"a.example", "/x", "b"},
    {"a.example", "/x?/x/", "b"},
    {"a.example", "/xx", "b"},
    {"a.example", "/X/", NULL},
    {"a.example", "/", NULL},
    {"a.example", "/y", "c"},
    {"b.example", "/y/1", "c"},
    {"b.c.EXAMPLE:1", "/y", "c"},
    {"example", "/y", NULL},
    {".example", "/y", NULL},
    {"xexample", "/y", NULL},
    {"b.example", "/x/", NULL},
    {"b.example", "/", NULL},
    {"b.deep.example", "/", "a"},
    {"b.deep.example", "/y", "c"},
    {"deep.example", "/", NULL},
    {"z", "/any", "b"},
    {"z", "/any/more", "b"},
    {"z", "/anything", "b"},
    {"z", "/an", NULL},
    {"z", "/?/any", NULL},
    {"a.example", "http://b.deep.example/", "a"},
    {"z", "http://a.example/x", "b"},
    {"a.example", "http://z/x/", NULL},
    {"a.example.", "/x/", "a"},
    {"b.deep.example.:80", "/", "a"},
    {"a.example..", "/x/", NULL},
};

struct pool {
    struct t_origin origin;
    char name[2];
};

static void answer_name(struct t_served_request *request, void *user)
{
    const struct pool *pool = user;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc",
    };
    request->answer = answers[pool->name[0] - 'a'];
    request->answer_len = strlen(request->answer);
}

static void start(struct t_weir *weir, struct pool pools[3], const char *fallback)
{
    for (int i = 0; i < 3; i++) {
        t_origin_open(&pools[i].origin);
        pools[i].name[0] = (char)('a' + i);
        t_origin_serve(&pools[i].origin, answer_name, &pools[i]);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    t_weir_start(weir, yaml, fallback, pools[0].origin.port, pools[1].origin.port,
                 pools[2].origin.port);
#pragma GCC diagnostic pop
}

static void check_rows(const char *fallback)
{
    struct pool pools[3] = {0};
    struct t_weir weir;
    start(&weir, pools, fallback);
    struct t_conn *client = t_connect(weir.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *want = rows[i].pool ? rows[i].pool : strcmp(fallback, "null") ? fallback : NULL;
        t_sendf(client, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].target, rows[i].host);
        struct t_message *answer = t_read_response(client, "GET");
        if (answer->status != (want ? 200 : 404) || (want && strcmp(answer->body, want) != 0))
            t_fail("%s %s: should go to %s; got %d %s", rows[i].host, rows[i].target,
                   want ? want : "none", answer->status, answer->body);
    }
    t_send(client, "OPTIONS * HTTP/1.1\r\nHost: b.deep.example\r\n\r\n");
    t_assert_text(t_read_response(client, "OPTIONS")->body, "a");
    t_send(client, "GET /any HTTP/1.0\r\n\r\n");
    t_assert_text(t_read_response(client, "GET")->body, "b");
    t_weir_end(&weir);
}

Test(routes, without_a_pool_for_the_rest)
{
    check_rows("null");
}

Test(routes, with_a_pool_for_the_rest)
{
    check_rows("c");
}
