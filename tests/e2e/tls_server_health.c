/* Health checks ask over TLS, on connections of their own, and a certificate that is not accepted
 * is a check that failed, for a reason that is told. */
#include "support/t_tls_scene.h"

#include <stdio.h>
#include <string.h>

#define CHECKED "    health: {interval: 20ms, rise: 1, fall: 2}\n"

/* A check: 200; anything else: its target. */
static bool serve(const struct t_message *request, char *answer, size_t size, void *user)
{
    atomic_int *checks = user;
    bool is_check = strcmp(request->target, "/healthz") == 0;
    const char *body = is_check ? "well" : request->target;
    *checks += is_check;
    snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return true;
}

Test(tls_server_health, goes_over_tls)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    atomic_int checks = 0;
    t_tls_scene_open(&scene, 1, CHECKED T_TLS_TRUST, NULL);
    t_tls_serve(&server, &scene.origin, &scene.tls, serve, &checks);
    int64_t deadline = t_deadline_ms();
    while (checks < 5 && t_left_ms(deadline))
        t_nap();
    cr_assert_geq(checks, 5);
    t_assert_text(t_server_text(&scene, "health/check"), "up");
    t_assert_text(t_one_shot(&scene.weir, "/a")->body, "/a");
    /* None of these is the pool's. */
    t_pool_assert(&scene.weir, "connections/opened", 1);
    t_assert_number("handshakes", t_tls_number(&scene, "handshakes"), 1);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}

static void go_down(const struct t_certificate *certificate, const char *tls, const char *reason)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    atomic_int checks = 0;
    t_tls_scene_open(&scene, 1, t_text(CHECKED "%s", tls), certificate);
    t_tls_serve(&server, &scene.origin, &scene.tls, serve, &checks);
    t_weir_await_log(&scene.weir, reason);
    t_assert_text(t_server_text(&scene, "health/check"), "down");
    t_assert_number("checks that were answered", checks, 0);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}

Test(tls_server_health, fails_for_an_expired_certificate)
{
    go_down(&(struct t_certificate){.is_expired = true}, T_TLS_TRUST,
            "down: 2 checks in a row failed, the last: the server's certificate is not accepted: "
            "certificate has expired");
}

Test(tls_server_health, fails_for_another_name)
{
    go_down(NULL, "    tls: {ca_file: ca.pem, server_name: other.test}\n",
            "the server's certificate is not accepted: hostname mismatch");
}

Test(tls_server_health, fails_for_a_server_that_speaks_no_tls)
{
    struct t_origin origin;
    struct t_weir weir;
    t_ca_write();
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 1, .port = origin.port, .pool = CHECKED T_TLS_TRUST});
    for (int i = 0; i < 2; i++) {
        struct t_conn *upstream = t_accept(&origin);
        t_send(upstream, "HTTP/1.1 400 Bad Request\r\n\r\n");
        t_read_to_any_end(upstream, NULL);
    }
    t_weir_await_log(&weir, "the TLS handshake failed: wrong version number");
    t_weir_end(&weir);
}
