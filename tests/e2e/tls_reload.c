/* SIGHUP takes up certificates that have changed, without a dropped connection; a bad new one
 * leaves the old in force. */
#include "support/t.h"
#include "support/t_tls.h"

#include <pthread.h>
#include <signal.h>

#define GET "GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n"

static void write_site(const char *common_name)
{
    t_tls_certificate(
        "site", &(struct certificate_wish){.names = "DNS:site.test", .common_name = common_name});
}

static void start(struct t_weir *weir, int origin_port)
{
    write_site("first");
    t_weir_start(weir, T_TLS_CONFIG, "", "", origin_port);
}

static void expect_shown(struct t_weir *weir, const char *subject)
{
    struct t_tls *client = t_tls_connect(weir->port, &(struct t_tls_wish){.name = "site.test"});

    t_assert_text(client->subject, subject);
    t_close(client->conn);
}

Test(tls_reload, a_new_certificate_is_shown_and_old_connections_go_on)
{
    struct t_origin origin;
    struct t_weir weir;

    t_origin_open(&origin);
    start(&weir, origin.port);
    struct t_tls *client = t_tls_connect(weir.port, NULL);
    t_send(client->conn, GET);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    write_site("second");
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    expect_shown(&weir, "second");
    for (int i = 0; i < 2; i++) {
        t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        t_assert_text(t_read_response(client->conn, "GET")->body, "ok");
        if (i == 0) {
            t_send(client->conn, GET);
            t_read_request(upstream);
        }
    }
    t_close(client->conn);
    t_weir_end(&weir);
}

Test(tls_reload, a_bad_one_leaves_the_old_in_force)
{
    struct t_weir weir;

    start(&weir, 1);
    t_write_file("site.pem", "no certificate\n");
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_log(&weir, "holds no certificate that can be read");
    expect_shown(&weir, "first");
    t_stats_assert(&weir, "weir/generation", 1);
    write_site("second");
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    expect_shown(&weir, "second");
    t_weir_end(&weir);
}

Test(tls_reload, one_that_has_expired_is_a_warning)
{
    struct t_weir weir;

    start(&weir, 1);
    t_tls_certificate("site", &(struct certificate_wish){
                                  .names = "DNS:site.test", .common_name = "old", .valid_s = -60});
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_log(&weir, ":10:22: listeners.web.tls.certificates[0]: expired on 20");
    t_stats_await(&weir, "weir/generation", 2);
    expect_shown(&weir, "old");
    t_weir_end(&weir);
}

/* Its handshake began under the former certificate, whose generation goes meanwhile. */
Test(tls_reload, a_handshake_under_way_is_completed)
{
    struct t_weir weir;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char *data;
    long len;

    start(&weir, 1);
    struct t_conn *raw = t_connect(weir.port);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    len = BIO_get_mem_data(out, &data);
    t_send_in_pieces(raw, data, (size_t)len / 2, (size_t)len / 2);
    write_site("second");
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 3);
    t_send_bytes(raw, data + len / 2, (size_t)(len - len / 2));
    (void)BIO_reset(out);
    for (int64_t deadline_ms = t_deadline_ms(); SSL_do_handshake(ssl) != 1;) {
        cr_assert_gt(t_left_ms(deadline_ms), 0);
        BIO_write(in, t_read_exactly(raw, 1), 1);
    }
    len = BIO_get_mem_data(out, &data);
    t_send_bytes(raw, data, (size_t)len);
    t_stats_await(&weir, "listeners/web/tls/handshakes", 1);
    t_close(raw);
    SSL_free(ssl);
    SSL_CTX_free(context);
    t_weir_end(&weir);
}

enum { CLIENTS = 6, EACH = 40, RELOADS = 12 };

struct asker {
    int port;
    int failed;
};

/* A connection a request. Thread: its own, so nothing of the harness that may fail. */
static void *ask(void *argument)
{
    struct asker *asker = argument;

    for (int i = 0; i < EACH; i++) {
        char text[512] = "";
        int n = 0, got = 0;
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        BIO *bio = BIO_new_ssl_connect(context);
        BIO_set_conn_hostname(bio, "127.0.0.1");
        BIO_set_conn_port(bio, t_text("%d", asker->port));
        if (BIO_do_connect(bio) == 1 &&
            BIO_puts(bio, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") > 0)
            while ((n = BIO_read(bio, text + got, (int)sizeof(text) - 1 - got)) > 0)
                got += n;
        asker->failed += strncmp(text, "HTTP/1.1 404 ", 13) != 0;
        BIO_free_all(bio);
        SSL_CTX_free(context);
    }
    return NULL;
}

#define NO_POOL                                                                                    \
    T_WEIR_HEAD "listeners:\n"                                                                     \
                "  web:\n"                                                                         \
                "    listen: [\"127.0.0.1:@port@\"]\n"                                             \
                "    tls: {certificates: [{certificate: @dir@/site.both}]}\n"

Test(tls_reload, no_request_is_lost_under_load)
{
    struct t_weir weir;
    struct asker askers[CLIENTS];
    pthread_t threads[CLIENTS];
    int failed = 0;

    write_site("first");
    t_weir_start(&weir, NO_POOL);
    for (int i = 0; i < CLIENTS; i++) {
        askers[i] = (struct asker){.port = weir.port};
        cr_assert_eq(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int i = 0; i < RELOADS; i++) {
        write_site("next");
        t_weir_signal(&weir, SIGHUP);
        t_stats_await(&weir, "weir/generation", 2 + i);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        failed += askers[i].failed;
    }
    t_assert_number("failed", failed, 0);
    t_weir_end(&weir);
}
