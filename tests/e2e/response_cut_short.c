/* An answer that a server cuts short is visibly cut for the client, whatever its framing. */
#include "support/t_scene.h"

#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"

enum { BY_FIN, BY_RST };

static void end_upstream(struct t_scene *scene, int how)
{
    /* What was sent must be seen before the end: a reset may overtake it. */
    t_await_read_by_peer(scene->upstream);
    if (how == BY_RST)
        t_reset(scene->upstream);
    else
        t_close(scene->upstream);
    scene->upstream = NULL;
}

static void ask(struct t_scene *scene, const char *version)
{
    t_scene_request(scene, t_text("GET / HTTP/%s\r\nHost: h\r\n\r\n", version),
                    t_text("GET / HTTP/1.1\r\nHost: h\r\nVia: %s weir\r\n\r\n", version));
}

/* Nothing of it was sent on yet: weir's own answer, and the client's connection lives. */
Test(response_cut_short, in_the_head)
{
    static const char *const heads[] = {"H",
                                        "HTTP/1.1 200",
                                        OK,
                                        OK "Content-Length: 5\r\n",
                                        OK "Content-Length: 5\r\n\r",
                                        "HTTP/1.1 100 Continue\r\n\r"};
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        for (int how = BY_FIN; how <= BY_RST; how++) {
            ask(&scene, "1.1");
            t_send(scene.upstream, heads[i]);
            end_upstream(&scene, how);
            struct t_message *answer = t_read_response(scene.client, "GET");
            t_assert_number("status", answer->status, 502);
            t_assert_contains(answer->body, "cut short");
            cr_assert_null(t_field(answer, "Connection"));
        }
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* After an interim answer that the client has: still a 502. */
Test(response_cut_short, behind_an_interim_answer)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int how = BY_FIN; how <= BY_RST; how++) {
        ask(&scene, "1.1");
        t_scene_answer(&scene, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n",
                       "HTTP/1.1 103 Early Hints\r\nLink: a\r\nVia: 1.1 weir\r\n\r\n");
        end_upstream(&scene, how);
        t_assert_number("status", t_read_response(scene.client, "GET")->status, 502);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(response_cut_short, in_a_body_with_a_length)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        const char *version = i < 2 ? "1.1" : "1.0";
        ask(&scene, version);
        t_send(scene.upstream, OK "Content-Length: 6\r\n\r\nhello");
        end_upstream(&scene, i % 2);
        t_expectf(scene.client, OK "Content-Length: 6\r\nVia: 1.1 weir\r\n%s\r\nhello",
                  i < 2 ? "" : "Connection: close\r\n");
        t_expect_any_end(scene.client);
        t_scene_drop_client(&scene);
    }
    t_weir_end(&scene.weir);
}

static const char *const chunked_cuts[] = {
    "",
    "5",
    "5\r\n",
    "5\r\nhel",
    "5\r\nhello",
    "5\r\nhello\r",
    "5\r\nhello\r\n",
    "5\r\nhello\r\n0",
    "5\r\nhello\r\n0\r\n",
    "5\r\nhello\r\n0\r\n\r",
    "5\r\nhello\r\n0\r\nA: b\r\n",
};

enum { CHUNKED_CUTS = sizeof(chunked_cuts) / sizeof(chunked_cuts[0]) };

/* The end mark never comes. */
Test(response_cut_short, in_a_chunked_body)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 2 * CHUNKED_CUTS; i++) {
        const char *cut = chunked_cuts[i / 2];
        ask(&scene, "1.1");
        t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n",
                       OK "Transfer-Encoding: chunked\r\nVia: 1.1 weir\r\n\r\n");
        t_send(scene.upstream, cut);
        end_upstream(&scene, i % 2);
        if (strstr(cut, "hel"))
            t_expect(scene.client, strstr(cut, "hello") ? "5\r\nhello\r\n" : "3\r\nhel\r\n");
        t_expect_any_end(scene.client);
        t_scene_drop_client(&scene);
    }
    t_weir_end(&scene.weir);
}

/* Where the end of the connection is the end of the body, a cut must be a reset. */
Test(response_cut_short, in_a_chunked_body_towards_an_http10_client)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 2 * CHUNKED_CUTS; i++) {
        const char *cut = chunked_cuts[i / 2];
        ask(&scene, "1.0");
        t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n",
                       OK "Via: 1.1 weir\r\nConnection: close\r\n\r\n");
        t_send(scene.upstream, cut);
        if (strstr(cut, "hel"))
            t_expect(scene.client, strstr(cut, "hello") ? "hello" : "hel");
        end_upstream(&scene, i % 2);
        t_expect_reset(scene.client);
        t_scene_drop_client(&scene);
    }
    t_weir_end(&scene.weir);
}

/* A body that lasts until the connection ends is whole only if that ended in order. */
Test(response_cut_short, until_the_end_by_a_reset)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    ask(&scene, "1.1");
    t_scene_answer(&scene, "HTTP/1.0 200 OK\r\n\r\nhello",
                   OK "Transfer-Encoding: chunked\r\nVia: 1.0 weir\r\n\r\n5\r\nhello\r\n");
    end_upstream(&scene, BY_RST);
    t_expect_any_end(scene.client);
    t_scene_drop_client(&scene);

    ask(&scene, "1.0");
    t_scene_answer(&scene, "HTTP/1.0 200 OK\r\n\r\nhello",
                   OK "Via: 1.0 weir\r\nConnection: close\r\n\r\nhello");
    end_upstream(&scene, BY_RST);
    t_expect_reset(scene.client);
    t_scene_drop_client(&scene);
    t_weir_end(&scene.weir);
}

/* A server that stops in the middle has cut its answer too. */
Test(response_cut_short, by_a_stall)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    timeouts: {stall: 100ms}\n");
    ask(&scene, "1.1");
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                   OK "Transfer-Encoding: chunked\r\nVia: 1.1 weir\r\n\r\n5\r\nhello\r\n");
    t_expect_any_end(scene.client);
    t_expect_any_end(scene.upstream);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);

    ask(&scene, "1.0");
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                   OK "Via: 1.1 weir\r\nConnection: close\r\n\r\nhello");
    t_expect_reset(scene.client);
    t_expect_any_end(scene.upstream);
    t_weir_end(&scene.weir);
}
