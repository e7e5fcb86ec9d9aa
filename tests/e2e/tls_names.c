/* Certificates are chosen by the name that the client asks for, from the certificates' own names,
 * and by the kind of key that it can verify; a name that nobody has is refused or falls back. */
#include "support/t.h"
#include "support/t_tls.h"

#define CERTIFICATES                                                                               \
    "      certificates:\n"                                                                        \
    "        - {certificate: @dir@/first.pem, key: @dir@/first.key}\n"                             \
    "        - {certificate: @dir@/wild.pem, key: @dir@/wild.key}\n"                               \
    "        - {certificate: @dir@/exact.pem, key: @dir@/exact.key}\n"                             \
    "        - {certificate: @dir@/exact-rsa.both}\n"                                              \
    "        - {certificate: @dir@/common.pem, key: @dir@/common.key}\n"
#define LISTENER(tls)                                                                              \
    T_WEIR_HEAD "listeners:\n"                                                                     \
                "  web:\n"                                                                         \
                "    listen: [\"127.0.0.1:@port@\"]\n"                                             \
                "    tls:\n" CERTIFICATES tls

static void start(struct t_weir *weir, const char *tls)
{
    t_tls_certificate(
        "first", &(struct certificate_wish){.names = "DNS:first.test", .common_name = "first"});
    t_tls_certificate("wild", &(struct certificate_wish){.names = "DNS:*.site.test,IP:192.0.2.7",
                                                         .common_name = "exact.site.test"});
    t_tls_certificate("exact", &(struct certificate_wish){.names = "DNS:Exact.Site.test",
                                                          .common_name = "exact"});
    t_tls_certificate("exact-rsa", &(struct certificate_wish){.names = "DNS:exact.site.test",
                                                              .common_name = "exact-rsa",
                                                              .is_rsa = true});
    t_tls_certificate("common", &(struct certificate_wish){.common_name = "common.test"});
    t_weir_start(weir, LISTENER("%s"), tls);
}

static void expect_shown(int port, const char *name, const char *signatures, const char *subject)
{
    struct t_tls *client = t_tls_connect(
        port, &(struct t_tls_wish){.name = name, .signatures = signatures});

    t_assert_text(client->subject, subject);
    t_close(client->conn);
}

Test(tls_names, the_name_chooses_the_certificate)
{
    struct t_weir weir;

    start(&weir, "");
    expect_shown(weir.port, "first.test", NULL, "first");
    expect_shown(weir.port, "a.site.test", NULL, "exact.site.test");
    expect_shown(weir.port, "exact.site.test", NULL, "exact");
    expect_shown(weir.port, "EXACT.site.TEST", NULL, "exact");
    expect_shown(weir.port, "common.test", NULL, "common.test");
    t_weir_end(&weir);
}

Test(tls_names, what_the_client_can_verify_chooses_the_kind)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct t_weir weir;

    start(&weir, "");
    for (size_t i = 0; i < 2; i++) {
        struct t_tls_wish wish = {.name = "exact.site.test", .version = versions[i]};
        wish.signatures = "RSA-PSS+SHA256:RSA+SHA256";
        struct t_tls *client = t_tls_connect(weir.port, &wish);
        t_assert_text(client->subject, "exact-rsa");
        cr_expect(client->is_rsa);
        t_close(client->conn);
        wish.signatures = "ECDSA+SHA256";
        client = t_tls_connect(weir.port, &wish);
        t_assert_text(client->subject, "exact");
        t_close(client->conn);
    }
    t_weir_end(&weir);
}

Test(tls_names, a_wildcard_covers_one_label)
{
    struct t_weir weir;

    start(&weir, "      unknown_name: refuse\n");
    expect_shown(weir.port, "a.site.test", NULL, "exact.site.test");
    t_tls_expect_refusal(weir.port, &(struct t_tls_wish){.name = "b.a.site.test"},
                         "unrecognized name");
    t_tls_expect_refusal(weir.port, &(struct t_tls_wish){.name = "site.test"}, "unrecognized name");
    /* The names of the certificate that has alternative ones are those alone. */
    t_tls_expect_refusal(weir.port, &(struct t_tls_wish){.name = "first"}, "unrecognized name");
    t_weir_end(&weir);
}

Test(tls_names, an_unknown_name_falls_back)
{
    struct t_weir weir;

    start(&weir, "");
    expect_shown(weir.port, NULL, NULL, "first");
    expect_shown(weir.port, "nobody.test", NULL, "first");
    t_weir_end(&weir);
}

Test(tls_names, or_is_refused_but_no_name_is_no_unknown_one)
{
    struct t_weir weir;

    start(&weir, "      unknown_name: refuse\n");
    t_tls_expect_refusal(weir.port, &(struct t_tls_wish){.name = "nobody.test"},
                         "unrecognized name");
    expect_shown(weir.port, NULL, NULL, "first");
    t_weir_end(&weir);
}

Test(tls_names, an_address_is_no_name)
{
    static const char *const addresses[] = {"127.0.0.1", "192.0.2.7", "::1", "[::1]"};
    struct t_weir weir;

    start(&weir, "");
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
        t_tls_expect_refusal(weir.port, &(struct t_tls_wish){.name = addresses[i]},
                             "illegal parameter");
    t_weir_end(&weir);
}

Test(tls_names, the_figures_name_them_and_their_end)
{
    struct t_weir weir;

    start(&weir, "");
    json_t *certificates = t_stats_find(t_stats(&weir), "listeners/web/tls/certificates");
    t_assert_number("certificates", (int64_t)json_array_size(certificates), 5);
    json_t *wild = json_array_get(certificates, 1);
    t_assert_text(json_string_value(json_array_get(json_object_get(wild, "names"), 0)),
                  "*.site.test");
    t_assert_number("names", (int64_t)json_array_size(json_object_get(wild, "names")), 1);
    t_assert_contains(t_admin(&weir, "GET", "/metrics")->body,
                      "\nweir_listener_tls_expiry_timestamp_seconds{listener=\"web\"} ");
    t_weir_end(&weir);
}
