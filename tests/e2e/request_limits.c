/* A head or body right at its limit passes; one byte or field more is refused with its status. */
#include "support/t_scene.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 32 << 10 };

/* A head of exactly LEN bytes whose one long part is the target or a field. */
static char *make_head(size_t len, bool in_target)
{
    static const char *const parts[2][2] = {
        {"GET / HTTP/1.1\r\nHost: h\r\nA: ", "\r\n\r\n"},
        {"GET /", " HTTP/1.1\r\nHost: h\r\n\r\n"},
    };
    const char *before = parts[in_target][0], *after = parts[in_target][1];
    size_t fill = len - strlen(before) - strlen(after);
    char *head = t_alloc(len + 1);

    strcpy(head, before);
    memset(head + strlen(before), 'a', fill);
    strcpy(head + strlen(before) + fill, after);
    return head;
}

static void check_status(struct t_scene *scene, const char *request, size_t piece, int status)
{
    struct t_conn *client = t_connect(scene->weir.port);
    if (piece)
        t_send_in_pieces(client, request, strlen(request), piece);
    else
        (void)t_try_send(client, request, strlen(request));
    char *got = t_read_to_end(client, NULL);
    if (strncmp(got, t_text("HTTP/1.1 %d ", status), 13) != 0 ||
        !strstr(got, "\r\nConnection: close\r\n"))
        t_fail("\"%s\"\n  should be refused with %d; got \"%s\"",
               t_escape(request, strlen(request)), status, t_escape(got, strlen(got)));
    t_close(client);
}

/* The request comes through, with its `Via`, and the connections go on. */
static void check_passes(struct t_scene *scene, const char *request, size_t piece)
{
    size_t len = strlen(request);
    if (!scene->client)
        scene->client = t_connect(scene->weir.port);
    if (piece)
        t_send_in_pieces(scene->client, request, len, piece);
    else
        t_send_bytes(scene->client, request, len);
    if (!scene->upstream)
        scene->upstream = t_accept(&scene->origin);
    t_expect_bytes(scene->upstream, request, len - 2);
    t_expect(scene->upstream, "Via: 1.1 weir\r\n\r\n");
    t_scene_answer(scene, "HTTP/1.1 204 No Content\r\n\r\n",
                   "HTTP/1.1 204 No Content\r\nVia: 1.1 weir\r\n\r\n");
}

Test(request_limits, a_head_of_header_bytes)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int in_target = 0; in_target < 2; in_target++) {
        check_passes(&scene, make_head(HEAD_MAX, in_target), 0);
        check_passes(&scene, make_head(HEAD_MAX, in_target), 4093);
        check_passes(&scene, make_head(HEAD_MAX - 1, in_target), 0);
    }
    check_status(&scene, make_head(HEAD_MAX + 1, false), 0, 431);
    check_status(&scene, make_head(HEAD_MAX + 1, false), 4093, 431);
    check_status(&scene, make_head(10 * HEAD_MAX, false), 0, 431);
    check_status(&scene, make_head(2 * HEAD_MAX, true), 0, 414);
    check_status(&scene, make_head(2 * HEAD_MAX, true), 4093, 414);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* Around the size of weir's blocks, where buffers move and grow. */
Test(request_limits, heads_around_a_block)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t len = (16 << 10) - 2; len <= (16 << 10) + 2; len++) {
        check_passes(&scene, make_head(len, false), 0);
        check_passes(&scene, make_head(len, true), 16 << 10);
        check_passes(&scene, make_head(len, false), len - 1);
    }
    for (size_t len = (12 << 10) - 2; len <= (12 << 10) + 2; len++)
        check_passes(&scene, make_head(len, false), 0);
    t_weir_end(&scene.weir);
}

/* The same heads, several at once. */
Test(request_limits, long_heads_in_a_pipeline)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    char *head = make_head(20000, false);
    scene.client = t_connect(scene.weir.port);
    for (int i = 0; i < 5; i++)
        t_send(scene.client, head);
    scene.upstream = t_accept(&scene.origin);
    for (int i = 0; i < 5; i++) {
        t_expect_bytes(scene.upstream, head, strlen(head) - 2);
        t_expect(scene.upstream, "Via: 1.1 weir\r\n\r\n");
        t_scene_answer(&scene, "HTTP/1.1 204 No Content\r\n\r\n",
                       "HTTP/1.1 204 No Content\r\nVia: 1.1 weir\r\n\r\n");
    }
    t_weir_end(&scene.weir);
}

static char *make_fields(int count)
{
    char *text = t_text("GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < count; i++)
        text = t_text("%sX-%d: %d\r\n", text, i, i);
    return t_text("%s\r\n", text);
}

Test(request_limits, a_head_with_so_many_fields)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    check_passes(&scene, make_fields(100), 0);
    check_passes(&scene, make_fields(100), 1);
    check_status(&scene, make_fields(101), 0, 431);
    check_status(&scene, make_fields(101), 1, 431);
    check_status(&scene, make_fields(1000), 0, 431);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(request_limits, limits_are_configured)
{
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {header_bytes: 64KiB, headers: 300}\n", NULL);
    check_passes(&scene, make_head(64 << 10, false), 0);
    check_passes(&scene, make_head(64 << 10, true), 1000);
    check_passes(&scene, make_fields(300), 0);
    check_status(&scene, make_head((64 << 10) + 1, false), 0, 431);
    check_status(&scene, make_fields(301), 0, 431);
    t_weir_end(&scene.weir);

    t_scene_open(&scene, "    limits: {header_bytes: 1KiB, headers: 5}\n", NULL);
    check_passes(&scene, make_head(1 << 10, false), 0);
    check_passes(&scene, make_fields(5), 0);
    check_status(&scene, make_head((1 << 10) + 1, false), 1, 431);
    check_status(&scene, make_head((1 << 10) + 1, false), 0, 431);
    check_status(&scene, make_head(4 << 10, true), 1, 414);
    check_status(&scene, make_fields(6), 0, 431);
    t_weir_end(&scene.weir);
}

/* A connection that has weir's own answer waits for nothing of the request it was for. */
Test(request_limits, a_body_of_body_bytes)
{
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {body_bytes: 10}\n", NULL);
    t_scene_request(&scene, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nVia: 1.1 weir\r\n\r\n"
                    "0123456789");
    t_scene_answer(&scene, "HTTP/1.1 204 No Content\r\n\r\n",
                   "HTTP/1.1 204 No Content\r\nVia: 1.1 weir\r\n\r\n");
    t_scene_request(&scene,
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                    "Via: 1.1 weir\r\n\r\na\r\n0123456789\r\n0\r\n\r\n");
    t_scene_answer(&scene, "HTTP/1.1 204 No Content\r\n\r\n",
                   "HTTP/1.1 204 No Content\r\nVia: 1.1 weir\r\n\r\n");
    check_status(&scene, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", 0, 413);
    check_status(&scene,
                 "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n", 0,
                 413);
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);

    /* How long it is shows only on the way: the server gets no end. */
    check_status(&scene,
                 "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n",
                 1, 413);
    t_assert_lacks(t_read_to_any_end(scene.upstream, NULL), "0\r\n\r\n");
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}
