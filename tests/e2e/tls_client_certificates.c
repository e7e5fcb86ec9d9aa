/* With client_ca a client must show a certificate that the CA signed, also where it resumes a
 * session. */
#include "support/t.h"
#include "support/t_tls.h"

#include <signal.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define CONFIG(tls)                                                                                \
    T_WEIR_HEAD "listeners:\n"                                                                     \
                "  web:\n"                                                                         \
                "    listen: [\"127.0.0.1:@port@\"]\n"                                             \
                "    tls:\n"                                                                       \
                "      certificates: [{certificate: @dir@/site.both}]\n" tls

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void start(struct t_weir *weir, const char *tls)
{
    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test"});
    t_tls_certificate("ca", &(struct certificate_wish){.is_ca = true, .common_name = "our CA"});
    t_tls_certificate("middle", &(struct certificate_wish){
                                    .is_ca = true, .common_name = "middle", .signer = "ca"});
    t_tls_certificate("good", &(struct certificate_wish){.common_name = "good", .signer = "ca"});
    t_tls_certificate("deep",
                      &(struct certificate_wish){.common_name = "deep", .signer = "middle"});
    t_tls_certificate(
        "late", &(struct certificate_wish){.common_name = "late", .signer = "ca", .valid_s = -60});
    t_tls_certificate("stranger", &(struct certificate_wish){.common_name = "stranger"});
    t_weir_start(weir, CONFIG("%s"), tls);
}

/* In TLS 1.3 a client learns only by reading that it was refused. */
static void expect_refused(int port, const struct t_tls_wish *wish)
{
    struct t_tls *client = t_tls_try(port, wish);

    if (client->refusal)
        return;
    t_try_send(client->conn, GET, strlen(GET));
    t_expect_any_end(client->conn);
    t_tls_expect_end(client, T_TLS_BROKEN);
}

static SSL_SESSION *expect_admitted(int port, const struct t_tls_wish *wish, bool resumes)
{
    struct t_tls *client = t_tls_connect(port, wish);

    t_send(client->conn, GET);
    t_assert_number("status", t_read_response(client->conn, "GET")->status, 404);
    t_assert_number("resumed", client->is_resumed, resumes);
    return resumes && wish->version == TLS1_2_VERSION ? NULL : t_tls_session(client);
}

Test(tls_client_certificates, only_whom_the_ca_signed_is_let_in)
{
    struct t_weir weir;

    start(&weir, "      client_ca: @dir@/ca.pem\n");
    for (size_t i = 0; i < 2; i++) {
        struct t_tls_wish wish = {.version = versions[i]};
        expect_refused(weir.port, &wish);
        wish.certificate = "stranger";
        expect_refused(weir.port, &wish);
        wish.certificate = "late";
        expect_refused(weir.port, &wish);
        wish.certificate = "good";
        wish.session = expect_admitted(weir.port, &wish, false);
        wish.certificate = NULL;
        expect_admitted(weir.port, &wish, true);
    }
    t_stats_await(&weir, "listeners/web/tls/failed", 6);
    t_weir_end(&weir);
}

Test(tls_client_certificates, the_depth_is_a_limit)
{
    struct t_weir weir;
    struct t_tls_wish wish = {.certificate = "deep"};

    start(&weir, "      client_ca: @dir@/ca.pem\n");
    expect_admitted(weir.port, &wish, false);
    t_weir_end(&weir);
    start(&weir, "      client_ca: @dir@/ca.pem\n      client_depth: 0\n");
    expect_refused(weir.port, &wish);
    wish.certificate = "good";
    expect_admitted(weir.port, &wish, false);
    t_weir_end(&weir);
}

Test(tls_client_certificates, a_session_from_before_the_ca_is_no_way_in)
{
    struct t_weir weir;

    start(&weir, "");
    for (size_t i = 0; i < 2; i++) {
        struct t_tls_wish wish = {.version = versions[i]};
        wish.session = expect_admitted(weir.port, &wish, false);
        t_weir_rewrite_config(&weir, CONFIG("%s"), "      client_ca: @dir@/ca.pem\n");
        t_weir_signal(&weir, SIGHUP);
        t_stats_await(&weir, "weir/generation", 2 + 2 * (int)i);
        expect_refused(weir.port, &wish);
        t_weir_rewrite_config(&weir, CONFIG("%s"), "");
        t_weir_signal(&weir, SIGHUP);
        t_stats_await(&weir, "weir/generation", 3 + 2 * (int)i);
    }
    t_weir_end(&weir);
}
