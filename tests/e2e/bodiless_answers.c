/* Answers that have no body by nature have none, and the next exchange begins right behind them. */
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

struct row {
    const char *method;
    const char *answer;
    const char *received; /* up to the empty line */
    bool server_closes;
};

static const struct row rows[] = {
    {"HEAD", OK "Content-Length: 5\r\n\r\n", OK "Content-Length: 5\r\n" VIA, false},
    {"HEAD", OK "Content-Length: 0\r\n\r\n", OK "Content-Length: 0\r\n" VIA, false},
    {"HEAD", OK "Content-Length: 9223372036854775807\r\n\r\n",
     OK "Content-Length: 9223372036854775807\r\n" VIA, false},
    {"HEAD", OK "Transfer-Encoding: chunked\r\n\r\n", OK VIA, false},
    {"HEAD", OK "\r\n", OK VIA, false},
    {"HEAD", "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n" VIA, false},
    {"HEAD", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
     OK "Content-Length: 5\r\nVia: 1.0 weir\r\n", true},
    {"HEAD", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", OK "Via: 1.0 weir\r\n", false},
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n" VIA, false},
    {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
     "HTTP/1.1 204 No Content\r\n" VIA, false},
    {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 204 No Content\r\n" VIA, false},
    {"GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
     "HTTP/1.1 204 No Content\r\n" VIA, false},
    {"POST", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n" VIA, false},
    {"HEAD", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n" VIA, false},
    {"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n" VIA, false},
    {"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n" VIA, false},
    {"GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
     "HTTP/1.1 304 Not Modified\r\n" VIA, false},
    {"HEAD", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" VIA, false},
    {"GET", OK "Content-Length: 0\r\n\r\n", OK "Content-Length: 0\r\n" VIA, false},
    {"GET", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
     "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n" VIA, false},
};

static void check(struct t_scene *scene, const struct row *row, int minor)
{
    bool posts = strcmp(row->method, "POST") == 0;

    t_scene_request(scene,
                    t_text("%s / HTTP/1.%d\r\nHost: h\r\n%s%s\r\n", row->method, minor,
                           minor ? "" : "Connection: keep-alive\r\n",
                           posts ? "Content-Length: 0\r\n" : ""),
                    t_text("%s / HTTP/1.1\r\nHost: h\r\n%sVia: 1.%d weir\r\n\r\n", row->method,
                           posts ? "Content-Length: 0\r\n" : "", minor));
    t_scene_answer(scene, row->answer,
                   t_text("%s%s\r\n", row->received, minor ? "" : "Connection: keep-alive\r\n"));
    if (row->server_closes) {
        t_expect_any_end(scene->upstream);
        t_scene_drop_upstream(scene);
    }
}

/* No body follows, and both connections go on at once. */
Test(bodiless_answers, of_every_kind)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int minor = 1; minor >= 0; minor--) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            check(&scene, &rows[i], minor);
            t_scene_works(&scene);
        }
    }
    t_weir_end(&scene.weir);
}

/* The answers come with the requests all sent at once. */
Test(bodiless_answers, in_a_pipeline)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    scene.client = t_connect(scene.weir.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        t_sendf(scene.client, "%s /%zu HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].method, i);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!scene.upstream)
            scene.upstream = t_accept(&scene.origin);
        t_expectf(scene.upstream, "%s /%zu HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n",
                  rows[i].method, i);
        t_scene_answer(&scene, rows[i].answer, t_text("%s\r\n", rows[i].received));
        if (rows[i].server_closes)
            t_scene_drop_upstream(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A server that sends a body all the same has spoiled its connection and nothing else. */
Test(bodiless_answers, with_a_body_all_the_same)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct row row = rows[i];
        row.answer = t_text("%sHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", row.answer);
        row.server_closes = true;
        check(&scene, &row, 1);
        t_scene_works(&scene);
    }
    t_weir_end(&scene.weir);
}

/* Only HEAD's answer is bodiless: a method that looks like it is not. */
Test(bodiless_answers, head_is_spelt_in_capitals)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "head / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "head / HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n");
    t_scene_answer(&scene, OK "Content-Length: 5\r\n\r\nhello",
                   OK "Content-Length: 5\r\n" VIA "\r\nhello");
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}
