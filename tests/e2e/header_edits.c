/* Header edits do what the listener's configuration says, to the byte, and nothing that a client
 * sends can make a line of its own out of them. */
#include "support/t_access.h"
#include "support/t_scene.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define VIA "Via: 1.1 weir\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

Test(header_edits, remove_set_add_in_this_order)
{
    struct t_scene scene;
    t_scene_open(&scene,
                 "    headers:\n"
                 "      request:\n"
                 "        remove: [Cookie, X-B]\n"
                 "        set: {X-A: new, X-New: \"1\"}\n"
                 "        add: {X-A: more, X-B: again}\n"
                 "      response:\n"
                 "        remove: [server]\n"
                 "        set: {X-Frame-Options: DENY}\n"
                 "        add: {Vary: Origin}\n",
                 NULL);
    t_scene_request(&scene, GET "x-a: old\r\nCOOKIE: c\r\nX-b: 1\r\nX-A: older\r\nX-C: 2\r\n\r\n",
                    GET "X-C: 2\r\n" VIA "X-A: new\r\nX-New: 1\r\nX-A: more\r\nX-B: again\r\n\r\n");
    t_scene_answer(&scene,
                   "HTTP/1.1 200 OK\r\nServer: s\r\nVary: A\r\nx-frame-options: no\r\n"
                   "Content-Length: 0\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nVary: A\r\nContent-Length: 0\r\n" VIA
                   "X-Frame-Options: DENY\r\nVary: Origin\r\n\r\n");
    t_weir_end(&scene.weir);
}

Test(header_edits, variables)
{
    struct t_scene scene;
    t_scene_open(&scene,
                 "    headers:\n"
                 "      request: {set: {X-From: \"${client_ip} by ${listener}\", X-Tls: "
                 "\"[${tls_version}${tls_client_subject}]\"}}\n"
                 "      response: {set: {X-Port: \"${client_port}\"}}\n",
                 NULL);
    t_scene_request(&scene, GET "\r\n", GET VIA "X-From: 127.0.0.1 by web\r\nX-Tls: []\r\n\r\n");
    t_scene_answer(&scene, OK "\r\n",
                   t_text(OK VIA "X-Port: %d\r\n\r\n", t_conn_port(scene.client)));
    t_weir_end(&scene.weir);
}

/* For what runs behind a gateway `_` and `-` are one, so neither comes past the other; what stands
 * for nothing is no line. */
Test(header_edits, look_alikes_and_nothings)
{
    struct t_scene scene;
    t_scene_open(&scene,
                 "    headers:\n"
                 "      request: {remove: [\"X-Internal-*\"], set: {X-User: "
                 "\"${tls_client_subject}\", X-A: b}}\n"
                 "      response: {remove: [X-Debug]}\n",
                 NULL);
    t_scene_request(&scene, GET "X_User: me\r\nx-internal-a: 1\r\nX_Internal_: 2\r\n\r\n",
                    GET VIA "X-A: b\r\n\r\n");
    t_scene_answer(&scene, "HTTP/1.1 103 Early Hints\r\nX_Debug: 1\r\nLink: a\r\n\r\n" OK "\r\n",
                   "HTTP/1.1 103 Early Hints\r\nLink: a\r\n" VIA "\r\n" OK VIA "\r\n");
    t_weir_end(&scene.weir);
}

/* Weir's own lines, too; and the Host, which stays one. */
Test(header_edits, over_what_weir_writes)
{
    struct t_scene scene;
    t_scene_open(&scene,
                 "    headers:\n"
                 "      request: {remove: [Via], set: {Host: \"inner:81\", X-Forwarded-For: "
                 "hidden}}\n"
                 "      response: {remove: [Via]}\n",
                 NULL);
    t_scene_request(&scene, GET "X-Forwarded-For: 1.1.1.1\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: inner:81\r\nX-Forwarded-For: hidden\r\n\r\n");
    t_scene_answer(&scene, OK "\r\n", OK "\r\n");
    t_scene_request(&scene, "GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET /x HTTP/1.1\r\nHost: inner:81\r\nX-Forwarded-For: hidden\r\n\r\n");
    t_scene_answer(&scene, OK "\r\n", OK "\r\n");
    t_weir_end(&scene.weir);
}

/* A field that is removed does not come back as a trailer. */
Test(header_edits, trailers)
{
    struct t_scene scene;
    t_scene_open(&scene,
                 "    headers: {request: {remove: [X-Secret]}, response: {set: {X-Sum: a}}}\n",
                 NULL);
    t_scene_request(&scene,
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\nx\r\n0\r\nx-secret: 1\r\nX-Sum: 2\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" VIA
                    "\r\n1\r\nx\r\n0\r\nX-Sum: 2\r\n\r\n");
    t_scene_answer(&scene,
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\n"
                   "x-sum: 3\r\nX-Secret: 4\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" VIA
                   "X-Sum: a\r\n\r\n1\r\ny\r\n0\r\nX-Secret: 4\r\n\r\n");
    t_weir_end(&scene.weir);
}

/* Weir's own answers are edited as those of servers are. */
Test(header_edits, own_answers)
{
    struct t_weir weir;
    struct t_message *answer;

    t_weir_start(&weir, T_WEIR_HEAD "listeners:\n"
                                    "  web:\n"
                                    "    listen: [\"127.0.0.1:@port@\"]\n"
                                    "    headers: {response: {remove: [Date], set: {Content-Type: "
                                    "text/x, X-Id: \"${request_id}\"}}}\n");
    answer = t_get(t_connect(weir.port), "/");
    cr_assert_eq(answer->status, 404);
    cr_assert_null(t_field(answer, "Date"));
    cr_assert_str_eq(t_field(answer, "Content-Type"), "text/x");
    cr_assert_eq(strlen(t_field(answer, "X-Id")), 32);
    t_weir_end(&weir);
}

/* What the server got as X-Request-Id when the client sent CLAIM. */
static const char *id_for(struct t_scene *scene, const char *claim)
{
    if (!scene->client)
        scene->client = t_connect(scene->weir.port);
    t_sendf(scene->client, GET "%s\r\n", claim);
    if (!scene->upstream)
        scene->upstream = t_accept(&scene->origin);
    const char *id = t_field(t_read_request(scene->upstream), "X-Request-Id");
    t_scene_answer(scene, OK "\r\n", OK VIA "\r\n");
    return id;
}

static bool is_made(const char *id)
{
    return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

Test(header_edits, request_ids_are_made)
{
    struct t_scene scene;
    const char *first, *second;

    t_scene_open(&scene, "    request_id: make\n", NULL);
    first = id_for(&scene, "");
    second = id_for(&scene, "X-Request-Id: mine\r\n");
    cr_assert(is_made(first) && is_made(second));
    cr_assert_str_neq(first, second);
    t_weir_end(&scene.weir);
}

Test(header_edits, request_ids_are_passed_on)
{
    struct t_scene scene;
    char *longest = t_text("%0128d", 1);

    t_scene_open(&scene, "    request_id: pass\n", NULL);
    cr_assert_str_eq(id_for(&scene, "x-request-ID: mine-1\r\n"), "mine-1");
    cr_assert_str_eq(id_for(&scene, t_text("X-Request-Id: %s\r\n", longest)), longest);
    /* Too long, no token, two, none: weir makes one. */
    cr_assert(is_made(id_for(&scene, t_text("X-Request-Id: %s0\r\n", longest))));
    cr_assert(is_made(id_for(&scene, "X-Request-Id: a b\r\n")));
    cr_assert(is_made(id_for(&scene, "X-Request-Id: a\"b\r\n")));
    cr_assert(is_made(id_for(&scene, "X-Request-Id: a\r\nX-Request-Id: b\r\n")));
    cr_assert(is_made(id_for(&scene, "X-Request-Id:\r\n")));
    t_weir_end(&scene.weir);
}

/* The id that the server got, the client's header and the log say is one. */
Test(header_edits, one_id_everywhere)
{
    struct t_weir weir;
    struct t_origin origin;
    struct t_conn *client, *upstream;
    const char *id;

    t_origin_open(&origin);
    t_weir_start(&weir,
                 T_WEIR_HEAD "access_log: {to: %s/access.log}\n"
                             "listeners:\n"
                             "  web:\n"
                             "    listen: [\"127.0.0.1:@port@\"]\n"
                             "    pool: legacy\n"
                             "    request_id: make\n"
                             "    headers: {response: {set: {X-Id: \"${request_id}\"}}}\n"
                             "pools: {legacy: {servers: [{address: \"127.0.0.1:%d\"}]}}\n",
                 t_dir(), origin.port);
    client = t_connect(weir.port);
    t_send(client, GET "\r\n");
    upstream = t_accept(&origin);
    id = t_field(t_read_request(upstream), "X-Request-Id");
    t_send(upstream, OK "\r\n");
    cr_assert_str_eq(t_field(t_read_response(client, "GET"), "X-Id"), id);
    t_access_await(&weir, 1);
    cr_assert(strstr(t_access_text("access.log"), t_text("\"request_id\":\"%s\"", id)));
    t_weir_end(&weir);
}
