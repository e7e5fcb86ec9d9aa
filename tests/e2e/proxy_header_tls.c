/* Before TLS a PROXY header is read to its last byte and not one byte further. */
#include "support/t.h"
#include "support/t_tls.h"

#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V1 "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n"
#define BYTES(text) text, sizeof(text) - 1

struct header {
    const char *data;
    size_t len;
    const char *client;
};

static const struct header headers[] = {
    {BYTES(V1), "192.0.2.7"},
    {BYTES("PROXY UNKNOWN\r\n"), "127.0.0.1"},
    {BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb"),
     "192.0.2.7"},
    {BYTES(SIGNATURE "\x21\x11\x00\x15\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb\x04\x00\x06"
                     "\x16\x03\x01\x02\x00\x01"),
     "192.0.2.7"},
    {BYTES(SIGNATURE "\x20\x00\x00\x00"), "127.0.0.1"},
};

static struct t_origin origin;
static struct t_weir weir;

static void start(const char *more)
{
    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test"});
    t_origin_open(&origin);
    t_weir_start(&weir, T_TLS_CONFIG, "",
                 t_text("    proxy_protocol: on\n    trusted_peers: [127.0.0.1]\n%s", more),
                 origin.port);
}

Test(proxy_header_tls, is_read_exactly)
{
    struct t_conn *upstream = NULL;

    start("");
    for (size_t i = 0; i < 2 * sizeof(headers) / sizeof(headers[0]); i++) {
        const struct header *header = &headers[i / 2];
        struct t_tls *client = t_tls_connect(weir.port,
                                             &(struct t_tls_wish){.name = "site.test",
                                                                  .before = header->data,
                                                                  .before_len = header->len,
                                                                  .in_pieces = i % 2 == 0});
        t_send(client->conn, "GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n");
        if (!upstream)
            upstream = t_accept(&origin);
        struct t_message *request = t_read_request(upstream);
        t_assert_text(t_field(request, "X-Forwarded-For"), header->client);
        t_assert_text(t_field(request, "X-Forwarded-Proto"), "https");
        t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        t_assert_text(t_read_response(client->conn, "GET")->body, "ok");
        t_half_close(client->conn);
        t_tls_expect_end(client, T_TLS_GOODBYE);
        t_close(client->conn);
    }
    t_stats_assert(&weir, "listeners/web/connections/proxy_headers_refused", 0);
    t_weir_end(&weir);
}

Test(proxy_header_tls, is_required)
{
    size_t len;

    start("");
    t_tls_try(weir.port, NULL);
    t_weir_await_log(&weir, "must begin with a PROXY header: there is none");
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "PROXY TCP4 192.0.2.7 192.0.2.8 1 2 x\r\n");
    t_read_to_any_end(client, &len);
    t_assert_number("bytes of an answer", (int64_t)len, 0);
    t_stats_await(&weir, "listeners/web/connections/proxy_headers_refused", 2);
    t_weir_end(&weir);
}

/* The header alone does not stop the clock. */
Test(proxy_header_tls, has_its_time_with_the_handshake)
{
    size_t len;

    start("    timeouts: {header: 300ms}\n");
    struct t_conn *client = t_connect(weir.port);
    t_send(client, V1);
    t_read_to_any_end(client, &len);
    t_assert_number("bytes of an answer", (int64_t)len, 0);
    t_stats_await(&weir, "listeners/web/connections/active", 0);
    t_weir_end(&weir);
}
