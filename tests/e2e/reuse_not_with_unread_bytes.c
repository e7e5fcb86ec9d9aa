/* What a server sends behind its answer is never read as the answer to the next request. */
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

#define NEXT "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"

enum { BLOCK = 16 << 10 }; /* what weir reads at once */

/* An answer of LEN bytes in all. */
static char *make_answer(size_t len, bool is_chunked)
{
    char *answer = t_alloc(len + sizeof(POISON));
    const char *end = is_chunked ? "\r\n0\r\n\r\n" : "";
    size_t head = 0, body = 0;

    /* The body's length is part of what it depends on. */
    for (int i = 0; i < 3; i++) {
        head = strlen(strcpy(
            answer, is_chunked ? t_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
                                        "\r\n\r\n%04zx\r\n",
                                        body)
                               : t_text("HTTP/1.1 200 OK\r\nContent-Length: %05zu\r\n\r\n", body)));
        body = len - head - strlen(end);
    }
    memset(answer + head, 'a', body);
    strcpy(answer + head + body, end);
    return answer;
}

/* The next request is in hand when the answer ends: no event comes in between. */
static void check(struct t_scene *scene, char *answer, bool from_queue)
{
    struct t_conn *next = NULL;

    t_scene_request(scene, t_text("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n%s", from_queue ? "" : NEXT),
                    "GET /1 HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    next = from_queue ? t_connect(scene->weir.port) : scene->client;
    t_send(next, from_queue ? NEXT : "");
    if (from_queue)
        t_stats_await(&scene->weir, "pools/legacy/queue/waiting", 1);
    t_send(scene->upstream, strcat(answer, POISON));
    t_assert_lacks(t_read_response(scene->client, "GET")->body, "poison");
    t_assert_lacks(t_read_to_any_end(scene->upstream, NULL), "/2");
    t_scene_drop_upstream(scene);
    scene->upstream = t_accept(&scene->origin);
    t_expect(scene->upstream, "GET /2 HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    t_send(scene->upstream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine");
    t_assert_text(t_read_response(next, "GET")->body, "mine");
}

static void check_sizes(bool from_queue)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    connections: {max: 1}\n");
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        for (size_t len = BLOCK - 2; len <= BLOCK + 2; len++)
            check(&scene, make_answer(len, is_chunked), from_queue);
        check(&scene, make_answer(2 * BLOCK, is_chunked), from_queue);
    }
    t_scene_works(&scene);
    t_stats_assert(&scene.weir, "pools/legacy/connections/closed/poisoned", 12);
    t_weir_end(&scene.weir);
}

Test(reuse_not_with_unread_bytes, by_the_next_of_a_pipeline)
{
    check_sizes(false);
}

Test(reuse_not_with_unread_bytes, by_the_next_of_the_queue)
{
    check_sizes(true);
}
