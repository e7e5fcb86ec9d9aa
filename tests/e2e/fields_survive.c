/* Fields that are not weir's business arrive as they were sent: order, case, blanks, every byte. */
#include "support/t_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define LINE "GET /?a=b&c=d;e HTTP/1.1\r\n"
#define OK "HTTP/1.1 200 Very \xe9 Fine  \r\n"

/* All of it passes both ways untouched. */
static const char odd[] = "b: 2\r\n"
                          "A: 1\r\n"
                          "a:1\r\n"
                          "A:\t \t1\t \t\r\n"
                          "Empty:\r\n"
                          "Empty: \t\r\n"
                          "Obs: \x80\xff\xc3\xa9 \"\\\"\r\n"
                          "Colons: a:b: c::\r\n"
                          "!#$%&'*+-.^_`|~09azAZ: token\r\n"
                          "Set-Cookie: a=1\r\n"
                          "Set-Cookie: b=2, c=3\r\n"
                          "sEt-cOoKiE: a=1\r\n"
                          "X-Content-Length: 99\r\n"
                          "Content-Length-X: 99\r\n"
                          "Transfer_Encoding: chunked\r\n"
                          "X-Transfer-Encoding: chunked\r\n"
                          "Expect: something\r\n"
                          "Keep-Alive-X: 1\r\n"
                          "Date: yesterday\r\n"
                          "Server: x\r\n"
                          "Age: -1\r\n";

static void check(struct t_scene *scene, const char *fields, size_t piece)
{
    char *request = t_text(LINE "hOsT: h\r\n%s\r\n", fields);
    char *answer = t_text(OK "%scontent-LENGTH: 2\r\n\r\nok", fields);
    if (!scene->client)
        scene->client = t_connect(scene->weir.port);
    t_send_in_pieces(scene->client, request, strlen(request), piece);
    if (!scene->upstream)
        scene->upstream = t_accept(&scene->origin);
    t_expectf(scene->upstream, LINE "hOsT: h\r\n%s" VIA "\r\n", fields);
    t_send_in_pieces(scene->upstream, answer, strlen(answer), piece);
    t_expectf(scene->client, OK "%sContent-Length: 2\r\n" VIA "\r\nok", fields);
}

Test(fields_survive, however_odd)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    check(&scene, odd, sizeof(odd) * 2);
    check(&scene, odd, 1);
    check(&scene, "", 1);
    t_weir_end(&scene.weir);
}

Test(fields_survive, very_many)
{
    struct t_scene scene;
    char *fields = t_alloc(1 << 15), *at = fields;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 98; i++)
        at += sprintf(at, "X-%d:%*d\r\n", i, i * 3 % 200, i);
    check(&scene, fields, 1 << 15);
    check(&scene, fields, 100);
    t_weir_end(&scene.weir);
}

/* Every other one is taken out: what is left is in many pieces. */
Test(fields_survive, between_others_that_do_not)
{
    enum { PAIRS = 48 };
    struct t_scene scene;
    char *sent = t_alloc(1 << 14), *kept = t_alloc(1 << 14), *listed = t_alloc(1 << 14);
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < PAIRS; i++) {
        sprintf(sent + strlen(sent), "Gone-%d: %d\r\nKept-%d: %d\r\n", i, i, i, i);
        sprintf(kept + strlen(kept), "Kept-%d: %d\r\n", i, i);
        sprintf(listed + strlen(listed), "%sGone-%d", i ? ", " : "", i);
    }
    for (int round = 0; round < 3; round++) {
        t_scene_request(&scene,
                        t_text("POST / HTTP/1.1\r\nHost: h\r\n%sConnection: %s\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                               sent, listed),
                        t_text("POST / HTTP/1.1\r\nHost: h\r\n%sTransfer-Encoding: chunked\r\n" VIA
                               "\r\n5\r\nhello\r\n0\r\n\r\n",
                               kept));
        t_scene_answer(&scene,
                       t_text("HTTP/1.1 200 OK\r\n%sConnection: %s\r\nTransfer-Encoding: chunked"
                              "\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                              sent, listed),
                       t_text("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n" VIA
                              "\r\n5\r\nhello\r\n0\r\n\r\n",
                              kept));
    }
    t_weir_end(&scene.weir);
}

/* Methods and targets, too, weir need not know. */
Test(fields_survive, with_any_method_and_status)
{
    static const char *const methods[] = {
        "GET",   "PUT",      "DELETE", "PATCH",    "OPTIONS",
        "TRACE", "PROPFIND", "get",    "M-SEARCH", "X!#$%&'*+-.^_`|~"};
    static const char *const statuses[] = {"200 OK",     "201 Created",      "206 Partial Content",
                                           "302 Found",  "418 I'm a teapot", "451 ",
                                           "500 Oh: no", "599 \xff",         "401 U",
                                           "226 IM Used"};
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        t_scene_request(&scene, t_text("%s / HTTP/1.1\r\nHost: h\r\n\r\n", methods[i]),
                        t_text("%s / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n", methods[i]));
        t_scene_answer(&scene, t_text("HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok", statuses[i]),
                       t_text("HTTP/1.1 %s\r\nContent-Length: 2\r\n" VIA "\r\nok", statuses[i]));
    }
    t_weir_end(&scene.weir);
}

/* Every byte that may stand in a body does. */
Test(fields_survive, bodies_of_every_byte)
{
    struct t_scene scene;
    char bytes[256];
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    t_scene_request(&scene, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 256\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 256\r\n" VIA "\r\n");
    t_send_bytes(scene.client, bytes, 256);
    t_expect_bytes(scene.upstream, bytes, 256);
    t_scene_answer(&scene, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" VIA "\r\n");
    t_send(scene.upstream, "100\r\n");
    t_send_bytes(scene.upstream, bytes, 256);
    t_send(scene.upstream, "\r\n0\r\n\r\n");
    struct t_conn *client = scene.client;
    size_t seen = 0;
    while (seen < 256) {
        size_t len = strtoul(t_read_until(client, "\r\n"), NULL, 16);
        t_expect_bytes(client, bytes + seen, len);
        t_expect(client, "\r\n");
        seen += len;
    }
    t_expect(client, "0\r\n\r\n");
    t_weir_end(&scene.weir);
}
