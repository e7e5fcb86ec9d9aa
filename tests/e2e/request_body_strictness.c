/* A chunked body that could be read in two ways is refused, and no server gets a whole request. */
#include "support/t_scene.h"

#include <string.h>

#define BYTES(literal) (literal), sizeof(literal) - 1
#define HEAD "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

struct row {
    const char *body;
    size_t len;
};

static const struct row rows[] = {
    {BYTES("x\r\nhello\r\n0\r\n\r\n")},
    {BYTES("\r\nhello\r\n0\r\n\r\n")},
    {BYTES("\r\n5\r\nhello\r\n0\r\n\r\n")},
    {BYTES(" 5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5 \r\nhello\r\n0\r\n\r\n")},
    {BYTES("5\t;a\r\nhello\r\n0\r\n\r\n")},
    {BYTES("+5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("-5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("0x5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5h\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5_\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5\nhello\r\n0\r\n\r\n")},
    {BYTES("5\rhello\r\n0\r\n\r\n")},
    {BYTES("5\r\rhello\r\n0\r\n\r\n")},
    {BYTES("5\0\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5,5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5\r\nhello!\r\n0\r\n\r\n")},
    {BYTES("5\r\nhell\r\n0\r\n\r\n")},
    {BYTES("5\r\nhello\n0\r\n\r\n")},
    {BYTES("5\r\nhello\r0\r\n\r\n")},
    {BYTES("5\r\nhello0\r\n\r\n")},
    {BYTES("5\r\nhello\n\r\n0\r\n\r\n")},
    {BYTES("10000000000000005\r\nhello\r\n0\r\n\r\n")},
    {BYTES("00000000000000005\r\nhello\r\n0\r\n\r\n")},
    {BYTES("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")},
    {BYTES("8000000000000000\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a\nb\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a\rb\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a\0b\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a\x7f\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\n\n")},
    {BYTES("5\r\nhello\r\n0\r\n\n")},
    {BYTES("5\r\nhello\r\n0\r\n\r\r\n")},
    {BYTES("5\r\nhello\r\n0\r\n\rX")},
    {BYTES("5\r\nhello\r\n0\r\n \r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nA: b\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nA : b\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nA\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nA: \0\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nA: b\rB: c\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")},
};

/* What of the request has reached the origin must not be a whole one. */
static void check_upstream(struct t_scene *scene, const struct row *row)
{
    size_t len;
    const char *wrong = NULL;
    struct t_message request;
    struct t_conn *upstream = t_accept(&scene->origin);
    char *got = t_read_to_any_end(upstream, &len);
    enum t_parse_result result = t_message_parse(&request, got, len, NULL, true, &wrong);

    if (result == T_PARSE_DONE || strstr(got, "0\r\n"))
        t_fail("\"%s\"\n  reached the origin as \"%s\"", t_escape(row->body, row->len),
               t_escape(got, len));
    t_close(upstream);
}

static void check_row(struct t_scene *scene, const struct row *row, bool drips)
{
    char head[sizeof(HEAD) + 2048] = HEAD;
    size_t len = sizeof(HEAD) - 1 + row->len;
    struct t_conn *client = t_connect(scene->weir.port);

    memcpy(head + sizeof(HEAD) - 1, row->body, row->len);
    if (drips)
        t_send_in_pieces(client, head, len, 1);
    else
        t_send_bytes(client, head, len);
    char *got = t_read_to_end(client, NULL);
    if (strncmp(got, "HTTP/1.1 400 ", 13) != 0 || !strstr(got, "\r\nConnection: close\r\n") ||
        strstr(got + 1, "HTTP/1."))
        t_fail("\"%s\"\n  should be refused with 400 and a close; got \"%s\"",
               t_escape(row->body, row->len), t_escape(got, strlen(got)));
    t_close(client);
    check_upstream(scene, row);
}

static void check_rows(bool drips)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&scene, &rows[i], drips);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(request_body_strictness, at_once)
{
    check_rows(false);
}

Test(request_body_strictness, in_drips)
{
    check_rows(true);
}

Test(request_body_strictness, an_extension_has_a_limit)
{
    struct t_scene scene;
    char body[2048];
    t_scene_open(&scene, NULL, NULL);
    memset(body, 'a', sizeof(body));
    memcpy(body, "5;", 2);
    struct row row = {body, 1500};
    check_row(&scene, &row, false);
    check_row(&scene, &row, true);
    t_weir_end(&scene.weir);
}

/* Trailers end within the limits of a head, or the request is refused. */
Test(request_body_strictness, trailers_have_limits)
{
    static const char request[] = HEAD "5\r\nhello\r\n0\r\n";
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {header_bytes: 1KiB, headers: 4}\n", NULL);

    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client, request);
    for (int i = 0; i < 100; i++) {
        if (!t_try_send(client, BYTES("Trailer-Without-End: 123456789\r\n")))
            break;
    }
    t_assert_contains(t_read_to_end(client, NULL), "HTTP/1.1 400 ");
    t_close(client);
    check_upstream(&scene, &(struct row){BYTES("trailers without end")});

    client = t_connect(scene.weir.port);
    t_send(client, request);
    t_send(client, "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n");
    t_assert_contains(t_read_to_end(client, NULL), "HTTP/1.1 400 ");
    check_upstream(&scene, &(struct row){BYTES("five trailers")});
    t_weir_end(&scene.weir);
}

/* A body that ends early is no request, whether by its framing or the client's. */
Test(request_body_strictness, a_body_cut_short)
{
    static const struct row cuts[] = {
        {BYTES("")},
        {BYTES("5")},
        {BYTES("5\r\n")},
        {BYTES("5\r\nhel")},
        {BYTES("5\r\nhello")},
        {BYTES("5\r\nhello\r\n")},
        {BYTES("5\r\nhello\r\n0\r\n")},
        {BYTES("5\r\nhello\r\n0\r\n\r")},
        {BYTES("5\r\nhello\r\n0\r\nA: b\r\n")},
    };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct t_conn *client = t_connect(scene.weir.port);
        t_send(client, HEAD);
        t_send_bytes(client, cuts[i].body, cuts[i].len);
        t_half_close(client);
        t_assert_contains(t_read_to_end(client, NULL), "HTTP/1.1 400 ");
        t_close(client);
        if (cuts[i].len > 0)
            check_upstream(&scene, &cuts[i]);
        else
            t_assert_number("connections", t_origin_connections(&scene.origin), 0);
    }
    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nhello");
    t_half_close(client);
    t_assert_contains(t_read_to_end(client, NULL), "HTTP/1.1 400 ");
    check_upstream(&scene, &(struct row){BYTES("one byte less")});
    t_weir_end(&scene.weir);
}
