/* A server's certificate is checked unless told otherwise; one that is not accepted is told by its
 * reason, and the client by 502. */
#include "support/t_tls_scene.h"

#include <stdlib.h>

/* A request that must fail for REASON, with its figures. */
static void refuse(const char *pool, const struct t_certificate *certificate, const char *reason)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, t_text("    retry: {attempts: 0}\n%s", pool ? pool : T_TLS_TRUST),
                     certificate);
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    t_tls_refused(&scene.origin, &scene.tls);
    t_assert_contains(t_await_answer(client, "GET", 502)->body,
                      "the server's certificate is not accepted");
    t_weir_await_log(&scene.weir, reason);
    t_assert_number("untrusted", t_tls_number(&scene, "untrusted"), 1);
    t_assert_number("failed", t_tls_number(&scene, "failed"), 1);
    t_assert_number("handshakes", t_tls_number(&scene, "handshakes"), 0);
    t_assert_text(t_server_text(&scene, "tls/last_failure"), reason);
    t_pool_assert(&scene.weir, "requests/failed", 1);
    t_weir_end(&scene.weir);
}

/* A request that must do, with POOL and CERTIFICATE. Returns the name that was sent. */
static const char *accept_it(const char *pool, const struct t_certificate *certificate)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, pool, certificate);
    t_tls_round(&scene, NULL, "/a");
    t_assert_number("untrusted", t_tls_number(&scene, "untrusted"), 0);
    t_weir_end(&scene.weir);
    return t_text("%s", scene.tls.last_sni);
}

Test(tls_server_verify, of_a_stranger)
{
    refuse(NULL, &(struct t_certificate){.is_by_stranger = true},
           "unable to get local issuer certificate");
}

Test(tls_server_verify, by_the_systems_store)
{
    refuse("    tls: {}\n", NULL, "unable to get local issuer certificate");
}

Test(tls_server_verify, the_systems_store_may_know_it)
{
    t_ca_write();
    setenv("SSL_CERT_FILE", t_path("ca.pem"), 1);
    accept_it("    tls: {}\n", NULL);
}

Test(tls_server_verify, self_signed)
{
    refuse(NULL, &(struct t_certificate){.is_self_signed = true}, "self-signed certificate");
}

Test(tls_server_verify, expired)
{
    refuse(NULL, &(struct t_certificate){.is_expired = true}, "certificate has expired");
}

Test(tls_server_verify, for_another_address)
{
    refuse(NULL, &(struct t_certificate){.names = "IP:127.0.0.2,DNS:127.0.0.1"},
           "IP address mismatch");
}

Test(tls_server_verify, for_another_name)
{
    refuse("    tls: {ca_file: ca.pem, server_name: other.test}\n", NULL, "hostname mismatch");
}

Test(tls_server_verify, a_wildcard_covers_one_label)
{
    refuse("    tls: {ca_file: ca.pem, server_name: a.b.origin.test}\n",
           &(struct t_certificate){.names = "DNS:*.origin.test"}, "hostname mismatch");
}

Test(tls_server_verify, a_configured_name_is_sent_and_checked)
{
    t_assert_text(accept_it("    tls: {ca_file: ca.pem, server_name: a.origin.test}\n",
                            &(struct t_certificate){.names = "DNS:*.origin.test"}),
                  "a.origin.test");
}

Test(tls_server_verify, a_configured_address_is_checked_and_not_sent)
{
    t_assert_text(accept_it("    tls: {ca_file: ca.pem, server_name: 192.0.2.1}\n",
                            &(struct t_certificate){.names = "IP:192.0.2.1"}),
                  "");
}

Test(tls_server_verify, a_self_signed_one_that_is_listed)
{
    accept_it("    tls: {ca_file: origin.pem}\n", &(struct t_certificate){.is_self_signed = true});
}

Test(tls_server_verify, switched_off)
{
    accept_it(
        "    tls: {verify: false}\n",
        &(struct t_certificate){.is_self_signed = true, .is_expired = true, .names = "DNS:x"});
}

/* Servers by name are asked for by that name, whatever their addresses. */
Test(tls_server_verify, by_the_name_in_the_address)
{
    struct t_tls_scene scene;
    t_ca_write();
    t_origin_open(&scene.origin);
    t_tls_open(&scene.tls, "origin", &(struct t_certificate){.names = "DNS:localhost"});
    t_weir_start_shape(
        &scene.weir,
        &(struct t_shape){.workers = 1,
                          .top = "resolver: {family: ipv4}\n",
                          .servers = t_text("[{address: \"localhost:%d\"}]", scene.origin.port),
                          .pool = T_TLS_TRUST});
    t_tls_round(&scene, NULL, "/a");
    t_assert_text(scene.tls.last_sni, "localhost");
    t_weir_end(&scene.weir);
}

/* What an SRV record leads to must show a certificate for the name that was configured: who can
 * forge an answer of the resolver gains nothing. */
Test(tls_server_verify, by_the_name_of_the_service)
{
    struct t_tls_scene scene;
    struct t_dns dns;
    t_dns_open(&dns);
    t_ca_write();
    t_origin_open(&scene.origin);
    t_tls_open(&scene.tls, "origin", &(struct t_certificate){.names = "DNS:service.test"});
    t_dns_set(&dns,
              "_https._tcp.service.test 60 SRV 0 1 %d one.elsewhere.test\n"
              "one.elsewhere.test 60 A 127.0.0.1\n",
              scene.origin.port);
    t_weir_start_shape(&scene.weir,
                       &(struct t_shape){.workers = 1,
                                         .top = t_dns_yaml(&dns, "2s"),
                                         .servers = "[{address: _https._tcp.service.test, srv: "
                                                    "true}]",
                                         .pool = T_TLS_TRUST});
    t_tls_round(&scene, NULL, "/a");
    t_assert_text(scene.tls.last_sni, "service.test");
    t_weir_end(&scene.weir);
}

/* With one server there is nobody else to ask: the answer stays a 502 and does not become "no
 * server is up", and each request asks anew. */
Test(tls_server_verify, stays_a_502_when_the_server_is_ejected)
{
    struct t_tls_scene scene;
    t_tls_scene_open(
        &scene, 1, "    retry: {attempts: 0}\n    outlier: {failures: 2, eject: 1h}\n" T_TLS_TRUST,
        &(struct t_certificate){.is_expired = true});
    for (int i = 0; i < 4; i++) {
        struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
        t_tls_refused(&scene.origin, &scene.tls);
        t_await_answer(client, "GET", 502);
    }
    t_assert_text(t_server_text(&scene, "state"), "ejected");
    t_weir_end(&scene.weir);
}

/* A retry goes to another server, and a POST of which nothing was sent too. */
Test(tls_server_verify, another_server_is_asked)
{
    struct t_tls_scene scene;
    struct t_origin good;
    struct t_tls good_tls;
    t_origin_open(&good);
    t_ca_write();
    t_origin_open(&scene.origin);
    t_tls_open(&scene.tls, "bad", &(struct t_certificate){.is_expired = true});
    t_tls_open(&good_tls, "good", NULL);
    t_weir_start_shape(
        &scene.weir,
        &(struct t_shape){.workers = 1,
                          .servers = t_text("[{address: \"127.0.0.1:%d\", weight: 256}, {address: "
                                            "\"127.0.0.1:%d\"}]",
                                            scene.origin.port, good.port),
                          .pool = "    balance: least_connections\n" T_TLS_TRUST});
    struct t_conn *client = t_ask(&scene.weir, "POST", "/a", "Content-Length: 0\r\n");
    t_tls_refused(&scene.origin, &scene.tls);
    t_serve(t_tls_accept(&good, &good_tls), "/a");
    t_await_answer(client, "POST", 200);
    t_weir_end(&scene.weir);
}

/* What is opened ahead of need fails ever less often, and says why once. */
Test(tls_server_verify, connections_ahead_are_tried_ever_less_often)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    connections: {min_idle: 2}\n" T_TLS_TRUST,
                     &(struct t_certificate){.is_expired = true});
    for (int i = 0; i < 4; i++)
        t_tls_refused(&scene.origin, &scene.tls);
    t_weir_await_log(&scene.weir, "certificate has expired; it is tried again ever less often");
    t_weir_end(&scene.weir);
}

Test(tls_server_verify, a_server_that_speaks_no_tls)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    retry: {attempts: 0}\n" T_TLS_TRUST, NULL);
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    struct t_conn *upstream = t_accept(&scene.origin);
    t_send(upstream, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    t_assert_contains(t_await_answer(client, "GET", 502)->body,
                      "TLS with the server could not be begun");
    t_weir_await_log(&scene.weir, "TLS: the handshake failed: wrong version number");
    t_assert_number("untrusted", t_tls_number(&scene, "untrusted"), 0);
    t_weir_end(&scene.weir);
}

Test(tls_server_verify, a_server_that_closes_in_the_handshake)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    retry: {attempts: 0}\n" T_TLS_TRUST, NULL);
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    t_close(t_accept(&scene.origin));
    t_await_answer(client, "GET", 502);
    t_assert_number("failed", t_tls_number(&scene, "failed"), 1);
    t_weir_end(&scene.weir);
}

/* timeouts.connect bounds the handshake too. */
Test(tls_server_verify, a_server_that_is_silent_in_the_handshake)
{
    struct t_tls_scene scene;
    t_tls_scene_open(
        &scene, 1, "    retry: {attempts: 0}\n    timeouts: {connect: 100ms}\n" T_TLS_TRUST, NULL);
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    struct t_conn *upstream = t_accept(&scene.origin);
    t_await_answer(client, "GET", 502);
    t_weir_await_log(&scene.weir, "connecting took longer than 100 ms, the TLS handshake included");
    t_read_to_any_end(upstream, NULL);
    t_weir_end(&scene.weir);
}
