/* A server that asks for a certificate is shown weir's own; without one the client gets 502, and
 * the server's reason is told. */
#include "support/t_tls_scene.h"

static void demand(struct t_tls_scene *scene, int version)
{
    SSL_CTX_set_min_proto_version(scene->tls.context, version);
    SSL_CTX_set_max_proto_version(scene->tls.context, version);
    SSL_CTX_load_verify_file(scene->tls.context, t_path("ca.pem"));
    SSL_CTX_set_verify(scene->tls.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void show(int version, const char *pool)
{
    struct t_tls_scene scene;
    t_certificate_write("own", &(struct t_certificate){.common_name = "weir itself"});
    t_tls_scene_open(&scene, 1, pool, NULL);
    demand(&scene, version);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/a");
    X509 *shown = SSL_get0_peer_certificate(t_tls_of(upstream));
    char name[64] = "";
    cr_assert_not_null(shown);
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof(name));
    t_assert_text(name, "weir itself");
    t_weir_end(&scene.weir);
}

#define OWN "    tls: {ca_file: ca.pem, certificate: own.pem, key: own.key}\n"

Test(tls_server_certificate, is_shown_over_tls_1_2)
{
    show(TLS1_2_VERSION, OWN);
}

Test(tls_server_certificate, is_shown_over_tls_1_3)
{
    show(TLS1_3_VERSION, OWN);
}

static void lack(int version, const char *reason)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    retry: {attempts: 0}\n" T_TLS_TRUST, NULL);
    demand(&scene, version);
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    t_tls_refused(&scene.origin, &scene.tls);
    t_await_answer(client, "GET", 502);
    t_weir_await_log(&scene.weir, reason);
    t_assert_text(t_server_text(&scene, "tls/last_failure"), reason);
    t_assert_number("untrusted", t_tls_number(&scene, "untrusted"), 0);
    t_weir_end(&scene.weir);
}

Test(tls_server_certificate, is_missed_over_tls_1_2)
{
    lack(TLS1_2_VERSION, "sslv3 alert handshake failure");
}

/* TLS 1.3 lets the client go on before the server has looked. */
Test(tls_server_certificate, is_missed_over_tls_1_3)
{
    lack(TLS1_3_VERSION, "tlsv13 alert certificate required");
}

Test(tls_server_certificate, is_missed_by_connections_ahead_which_back_off)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    connections: {min_idle: 1}\n" T_TLS_TRUST, NULL);
    demand(&scene, TLS1_3_VERSION);
    for (int i = 0; i < 4; i++)
        t_tls_refused(&scene.origin, &scene.tls);
    t_weir_await_log(&scene.weir, "tlsv13 alert certificate required");
    t_weir_end(&scene.weir);
}

static void check(const char *tls, const char *place, const char *fault)
{
    char *yaml = t_text(T_WEIR_HEAD T_WEIR_LISTENER "pools:\n"
                                                    "  legacy:\n"
                                                    "    servers: [{address: \"127.0.0.1:1\"}]\n"
                                                    "    tls: %s\n",
                        tls);
    struct t_run run = t_weir_check(yaml);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, place);
    t_assert_contains(run.err, fault);
}

Test(tls_server_certificate, faults_have_their_places)
{
    t_ca_write();
    t_certificate_write("own", NULL);
    t_certificate_write("other", NULL);
    t_write_file("empty.pem", "");
    check("{ca_file: none.pem}",
          ": pools.legacy.tls.ca_file: ", "none.pem` cannot be read: No such");
    check("{ca_file: /}", ": pools.legacy.tls.ca_file: ", "cannot be read");
    check("{ca_file: empty.pem}", ".ca_file: ", "empty.pem` holds no certificate; write");
    check("{ca_file: own.key}", ".ca_file: ", "holds no certificate; write");
    check("{certificate: none.pem, key: own.key}", ".tls.certificate: ", "cannot be read");
    check("{certificate: own.pem, key: none.key}", ".tls.key: ", "cannot be read");
    check("{certificate: own.pem, key: other.key}", ".tls.key: ", "is not the key of");
    check("{certificate: own.pem}", ".tls.certificate: ", "no private key");
    check("{key: own.key}", ".tls.key: ", "is the key of no certificate");
    check("{server_name: \"*.origin.test\"}", ".tls.server_name: ", "has a `*`");
    check("{server_name: \"origin.test:443\"}", ".tls.server_name: ", "has a colon");
    check("{verify: false, ca_file: none.pem}", ".tls.ca_file: ", "cannot be read");
}

Test(tls_server_certificate, good_ones_are_found_beside_the_configuration)
{
    t_ca_write();
    t_certificate_write("own", NULL);
    struct t_run run = t_weir_check(T_WEIR_HEAD T_WEIR_LISTENER
                                    "pools:\n"
                                    "  legacy:\n"
                                    "    servers: [{address: \"127.0.0.1:1\"}]\n"
                                    "    tls: {ca_file: \"@dir@/ca.pem\", certificate: own.pem, "
                                    "key: own.key, server_name: a.b}\n");
    t_assert_number("exit status", run.status, 0);
}
