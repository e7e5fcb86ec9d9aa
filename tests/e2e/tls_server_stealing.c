/* A worker takes idle TLS connections from another as it does plain ones: none is opened that was
 * not needed, no byte is lost, and what TLS does on them goes on. */
#include "support/t_tls_scene.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 3000, CONCURRENCY = 8, WORKERS = 4 };

static void make(struct t_load_request *request, bool close, void *user)
{
    char *text = t_text("GET /%d HTTP/1.1\r\nHost: h\r\n%s\r\n", (int)request->id,
                        close ? "Connection: close\r\n" : "");
    (void)user;
    strcpy(request->method, "GET");
    request->data = strdup(text);
    request->len = strlen(text);
}

/* The answer must be this request's. */
static bool check(const struct t_load_request *request, const struct t_message *answer, void *user)
{
    (void)user;
    return answer->status == 200 && answer->body_len > 1 &&
           atoi(answer->body + 1) == (int)request->id;
}

/* One-shot requests, each of which must have its own answer. */
static void run(struct t_tls_scene *scene, struct t_tls_server *server)
{
    struct t_load load = {.port = scene->weir.port,
                          .concurrency = CONCURRENCY,
                          .requests = REQUESTS,
                          .make = make,
                          .check = check};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    cr_assert_geq(t_pool_number(&scene->weir, "connections/stolen"), 100);
    t_pool_assert(&scene->weir, "requests/failed", 0);
    t_assert_number("requests", server->requests, REQUESTS);
}

static void open_scene(struct t_tls_scene *scene, struct t_tls_server *server, int version,
                       const char *connections)
{
    t_tls_scene_open(scene, WORKERS, t_text("%s" T_TLS_TRUST, connections), NULL);
    SSL_CTX_set_min_proto_version(scene->tls.context, version);
    SSL_CTX_set_max_proto_version(scene->tls.context, version);
    t_tls_serve(server, &scene->origin, &scene->tls, NULL, NULL);
}

static void share(int version)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    open_scene(&scene, &server, version, "");
    run(&scene, &server);
    t_assert_number("connections beyond those needed at once",
                    server.connections > CONCURRENCY ? server.connections - CONCURRENCY : 0, 0);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}

Test(tls_server_stealing, of_tls_1_2)
{
    share(TLS1_2_VERSION);
}

Test(tls_server_stealing, of_tls_1_3)
{
    share(TLS1_3_VERSION);
}

/* One that is being looked at for a ticket is missed by who looks for one just then. */
Test(tls_server_stealing, while_tickets_and_new_keys_arrive)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    open_scene(&scene, &server, TLS1_3_VERSION, "    connections: {max: 8}\n");
    server.chatters = true;
    run(&scene, &server);
    cr_assert_leq(server.connections, 3 * CONCURRENCY);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}

/* Connections come and go on all workers, and so do the sessions that they share. */
static void churn(int version)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    open_scene(&scene, &server, version, "    connections: {max_requests: 20}\n");
    run(&scene, &server);
    cr_assert_geq(server.connections, REQUESTS / 20);
    cr_assert_geq(scene.tls.resumed, server.connections - 3 * CONCURRENCY, "%d of %d resumed",
                  scene.tls.resumed, server.connections);
    t_assert_number("resumed, by weir's figures", t_tls_number(&scene, "resumed"),
                    scene.tls.resumed);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}

Test(tls_server_stealing, with_sessions_of_tls_1_2)
{
    churn(TLS1_2_VERSION);
}

Test(tls_server_stealing, with_sessions_of_tls_1_3)
{
    churn(TLS1_3_VERSION);
}

/* Who waits in the queue gets a connection of any worker. */
Test(tls_server_stealing, waiters_are_given_connections_of_others)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    open_scene(&scene, &server, TLS1_3_VERSION, "    connections: {max: 2}\n");
    server.chatters = true;
    struct t_load load = {.port = scene.weir.port,
                          .concurrency = CONCURRENCY,
                          .requests = REQUESTS,
                          .make = make,
                          .check = check};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    t_assert_number("connections", server.connections, 2);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}
