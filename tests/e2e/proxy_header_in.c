/* Trusted peers must say in a PROXY header whose connection it is, and are believed; nobody else
 * is. */
#include "support/t_access.h"

#include <string.h>
#include <unistd.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V1 "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n"
#define V2_TCP4 SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb"
#define HOST6(last) "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" last
#define MAPPED(last) "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02" last
#define ZEROS_54                                                                                   \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                                       \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX_PATHS ZEROS_54 ZEROS_54 ZEROS_54 ZEROS_54
#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define BYTES(text) text, sizeof(text) - 1

enum { LONG_MS = 20000, LIMIT_MS = 300 };

static struct t_origin origin;
static struct t_weir weir;

static void start_with(const char *trusted, const char *more)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir,
                       &(struct t_shape){
                           .workers = 1,
                           .port = origin.port,
                           .listener = t_text("    proxy_protocol: on\n    trusted_peers: [%s]\n%s",
                                              trusted, more ? more : ""),
                           .top = "access_log: {to: \"@dir@/access.log\"}\n",
                       });
}

static void start(void)
{
    start_with("127.0.0.1, 10.0.0.0/8", NULL);
}

/* What the server gets of a request for TARGET that is on its way, which is then answered. */
static struct t_message *serve(struct t_conn *client, const char *target)
{
    static struct t_conn *upstream;
    struct t_message *request;

    if (!upstream)
        upstream = t_accept(&origin);
    request = t_read_request(upstream);
    t_assert_text(request->target, target);
    t_answer(upstream, "served");
    t_assert_text(t_read_response(client, "GET")->body, "served");
    return request;
}

static void expect_bad_request(struct t_conn *client)
{
    t_assert_number("status", t_read_response(client, "GET")->status, 400);
    t_expect_end(client);
    t_close(client);
}

static void expect_client(struct t_message *request, const char *client)
{
    t_assert_text(t_field(request, "X-Forwarded-For"), client);
}

struct header {
    const char *what;
    const char *data;
    size_t len;
    const char *client; /* how the server is told of it */
    int port;
};

static const struct header headers[] = {
    {"v1", BYTES(V1), "192.0.2.7", 50000},
    {"v1, IPv6", BYTES("PROXY TCP6 2001:db8:0::1 2001:db8::2 1 65535\r\n"), "2001:db8::1", 1},
    {"v1, mapped", BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 2\r\n"), "192.0.2.7", 1},
    {"v2", BYTES(V2_TCP4), "192.0.2.7", 50000},
    {"v2, IPv6", BYTES(SIGNATURE "\x21\x21\x00\x24" HOST6("\x01") HOST6("\x02") "\x00\x01\x00\x02"),
     "2001:db8::1", 1},
    {"v2, mapped",
     BYTES(SIGNATURE "\x21\x21\x00\x24" MAPPED("\x07") MAPPED("\x08") "\xff\xff\x00\x02"),
     "192.0.2.7", 65535},
    {"v2, a Unix socket", BYTES(SIGNATURE "\x21\x31\x00\xd8" UNIX_PATHS), "unix", 0},
    {"v2, with more",
     BYTES(SIGNATURE "\x21\x11\x00\x15\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb\x04\x00\x06"
                     "GET / "),
     "192.0.2.7", 50000},
    {"v2, with a checksum",
     BYTES(SIGNATURE "\x21\x11\x00\x13\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb\x03\x00\x04"
                     "\x95\xa1\xeb\x50"),
     "192.0.2.7", 50000},
};

enum { HEADERS = sizeof(headers) / sizeof(headers[0]) };

static void check_line(int index, const char *client, int port)
{
    json_t *line;

    t_access_await(&weir, index + 1);
    line = t_access_line(t_access_text("access.log"), index);
    t_access_assert(line,
                    t_text("{'client': '%s', 'client_port': %d, 'status': 200}", client, port));
}

/* With the first request in one piece, and byte by byte. */
Test(proxy_header_in, names_the_client)
{
    start();
    for (int i = 0; i < 2 * HEADERS; i++) {
        const struct header *header = &headers[i / 2];
        struct t_conn *client = t_connect(weir.port);
        char *all = t_alloc(header->len + sizeof(GET));

        memcpy(all, header->data, header->len);
        memcpy(all + header->len, GET, sizeof(GET) - 1);
        t_send_in_pieces(client, all, header->len + sizeof(GET) - 1, i % 2 ? 1 : 4096);
        expect_client(serve(client, "/"), header->client);
        check_line(i, header->client, header->port);
        t_close(client);
    }
    t_stats_assert(&weir, "listeners/web/connections/proxy_headers_refused", 0);
    t_weir_end(&weir);
}

/* It stands before the connection, not before each request. */
Test(proxy_header_in, holds_for_all_requests_of_the_connection)
{
    start();
    struct t_conn *client = t_connect(weir.port);
    t_send(client, V1 "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_client(serve(client, "/1"), "192.0.2.7");
    expect_client(serve(client, "/2"), "192.0.2.7");
    t_send(client, "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_client(serve(client, "/3"), "192.0.2.7");
    t_send(client, V1 GET);
    expect_bad_request(client);
    t_weir_end(&weir);
}

Test(proxy_header_in, a_second_header_is_a_bad_request)
{
    static const struct header seconds[] = {{"v1", BYTES(V1 V1 GET), NULL, 0},
                                            {"v2", BYTES(V2_TCP4 V2_TCP4 GET), NULL, 0},
                                            {"both", BYTES(V2_TCP4 V1 GET), NULL, 0}};
    start();
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        struct t_conn *client = t_connect(weir.port);
        t_send_bytes(client, seconds[i].data, seconds[i].len);
        expect_bad_request(client);
    }
    t_assert_number("connections to the server", t_origin_connections(&origin), 0);
    t_weir_end(&weir);
}

/* ---- What is no header ---- */

static const struct header hostile[] = {
    {"a request", BYTES(GET), "there is none", 0},
    {"a request with a space before", BYTES(" " V1 GET), "there is none", 0},
    {"TLS", BYTES("\x16\x03\x01\x02\x00\x01"), "there is none", 0},
    {"another word", BYTES("PROXIED TCP4\r\n"), "there is none", 0},
    {"another family", BYTES("PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n" GET), "its family", 0},
    {"another family", BYTES("PROXY TCP4 ::1 ::1 1 2\r\n" GET), "its family", 0},
    {"garbage behind", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 1 2 x\r\n" GET), "two addresses", 0},
    {"a port too large", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n" GET), "ports", 0},
    {"a leading zero", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n" GET), "ports", 0},
    {"LF alone", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n" GET), "CR and LF", 0},
    {"an injected line", BYTES("PROXY TCP4 192.0.2.7\rX: y 192.0.2.8 1 2\r\n"), "CR and LF", 0},
    {"datagrams", BYTES(SIGNATURE "\x21\x12\x00\x0c............"), "family or transport", 0},
    {"version 3", BYTES(SIGNATURE "\x31\x11\x00\x0c............"), "version", 0},
    {"too short", BYTES(SIGNATURE "\x21\x21\x00\x0c............"), "too short", 0},
    {"too long", BYTES(SIGNATURE "\x21\x11\xff\xff............"), "4096", 0},
    {"a wrong checksum",
     BYTES(SIGNATURE "\x21\x11\x00\x13\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb\x03\x00\x04"
                     "\x95\xa1\xeb\x51" GET),
     "checksum", 0},
};

Test(proxy_header_in, without_a_valid_one_the_connection_is_closed)
{
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        size_t len;
        start();
        struct t_conn *client = t_connect(weir.port);
        t_send_in_pieces(client, hostile[i].data, hostile[i].len, i % 2 ? 1 : 4096);
        t_read_to_any_end(client, &len);
        t_assert_number("bytes of an answer", (int64_t)len, 0);
        t_weir_await_log(&weir, "closed a connection from 127.0.0.1, which must begin with a PROXY "
                                "header: ");
        t_assert_contains(t_weir_log(&weir), hostile[i].client);
        t_stats_assert(&weir, "listeners/web/connections/proxy_headers_refused", 1);
        t_stats_assert(&weir, "listeners/web/requests/total", 0);
        t_stats_await(&weir, "listeners/web/connections/active", 0);
        t_assert_number("connections to the server", t_origin_connections(&origin), 0);
        t_weir_end(&weir);
        t_origin_close(&origin);
    }
}

Test(proxy_header_in, of_version_1_ends_within_107_bytes)
{
    char line[200];
    size_t len;

    start();
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    struct t_conn *client = t_connect(weir.port);
    t_send_bytes(client, line, 107);
    t_read_to_any_end(client, &len);
    t_assert_number("bytes of an answer", (int64_t)len, 0);
    t_weir_await_log(&weir, "107 bytes");
    client = t_connect(weir.port);
    memcpy(line + 105, "\r\n", 2);
    t_send_in_pieces(client, line, 107, 1);
    t_send(client, GET);
    expect_client(serve(client, "/"), "127.0.0.1");
    t_weir_end(&weir);
}

/* The longest of version 2 that may be, and a whole head right behind it. */
Test(proxy_header_in, of_version_2_may_have_4096_bytes_more)
{
    enum { REST = 4096, ADDRESSES = 12, TLV_HEAD = 3 };
    char all[16 + REST + 8192] = V2_TCP4;
    size_t len = 16 + REST, value = REST - ADDRESSES - TLV_HEAD;

    start();
    all[14] = REST >> 8;
    all[15] = 0;
    all[16 + ADDRESSES] = 4;
    all[16 + ADDRESSES + 1] = (char)(value >> 8);
    all[16 + ADDRESSES + 2] = (char)value;
    len += (size_t)sprintf(all + len, "GET / HTTP/1.1\r\nHost: h\r\nLong: %08000d\r\n\r\n", 7);
    struct t_conn *client = t_connect(weir.port);
    t_send_bytes(client, all, len);
    expect_client(serve(client, "/"), "192.0.2.7");
    t_weir_end(&weir);
}

/* ---- Who is believed ---- */

/* From others a header is a bad request, and their connections are their own. */
Test(proxy_header_in, of_others_is_a_bad_request)
{
    start_with("10.0.0.0/8, 192.0.2.0/24, \"::1\"", NULL);
    struct t_conn *client = t_connect(weir.port);
    t_send(client, GET);
    expect_client(serve(client, "/"), "127.0.0.1");
    t_send(client, V1 GET);
    expect_bad_request(client);
    client = t_connect(weir.port);
    t_send(client, V1 GET);
    expect_bad_request(client);
    client = t_connect(weir.port);
    t_send_bytes(client, BYTES(V2_TCP4 GET));
    expect_bad_request(client);
    t_stats_assert(&weir, "listeners/web/connections/proxy_headers_refused", 0);
    t_weir_end(&weir);
}

#define CLAIMS                                                                                     \
    "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n"        \
    "Forwarded: for=2.2.2.2\r\n\r\n"

static void expect_claims(const char *header, size_t len, const char *client, const char *proto)
{
    struct t_conn *conn = t_connect(weir.port);
    struct t_message *request;

    t_send_bytes(conn, header, len);
    t_send(conn, CLAIMS);
    request = serve(conn, "/");
    expect_client(request, client);
    t_assert_text(t_field(request, "X-Forwarded-Proto"), proto);
    t_close(conn);
}

/* What the balancer names counts, and not the balancer, which is trusted for its header alone. */
Test(proxy_header_in, decides_whose_forwarding_fields_are_believed)
{
    start();
    expect_claims(BYTES(V1), "192.0.2.7", "http");
    expect_claims(BYTES("PROXY TCP4 10.9.8.7 192.0.2.8 1 2\r\n"), "1.1.1.1, 10.9.8.7", "https");
    expect_claims(BYTES("PROXY TCP6 ::ffff:10.9.8.7 ::1 1 2\r\n"), "1.1.1.1, 10.9.8.7", "https");
    /* The balancer's own connection, and that of somebody it does not know. */
    expect_claims(BYTES(SIGNATURE "\x20\x00\x00\x00"), "1.1.1.1, 127.0.0.1", "https");
    expect_claims(BYTES(SIGNATURE "\x20\x11\x00\x0c............"), "1.1.1.1, 127.0.0.1", "https");
    expect_claims(BYTES("PROXY UNKNOWN\r\n"), "127.0.0.1", "http");
    expect_claims(BYTES("PROXY UNKNOWN 10.9.8.7 ::1 1 2\r\n"), "127.0.0.1", "http");
    expect_claims(BYTES(SIGNATURE "\x21\x00\x00\x00"), "127.0.0.1", "http");
    t_weir_end(&weir);
}

/* ---- Limits ---- */

static struct t_conn *settle(const char *client)
{
    struct t_conn *conn = t_connect(weir.port);

    t_sendf(conn, "PROXY TCP4 %s 192.0.2.8 1 2\r\n" GET, client);
    expect_client(serve(conn, "/"), client);
    return conn;
}

static void expect_refused(const char *header)
{
    struct t_conn *conn = t_connect(weir.port);

    t_sendf(conn, "%s" GET, header);
    t_assert_contains(t_await_answer(conn, "GET", 503)->body, "too many client connections");
}

Test(proxy_header_in, counts_for_connections_per_ip)
{
    struct t_conn *first;

    start_with("127.0.0.1", "    limits: {connections_per_ip: 2, connections: 6}\n");
    first = settle("192.0.2.1");
    settle("192.0.2.1");
    settle("192.0.2.2");
    expect_refused("PROXY TCP4 192.0.2.1 192.0.2.8 3 4\r\n");
    t_stats_assert(&weir, "listeners/web/connections/rejected", 1);
    t_close(first);
    t_stats_await(&weir, "listeners/web/connections/active", 2);
    settle("192.0.2.1");
    expect_refused("PROXY TCP4 192.0.2.1 192.0.2.8 3 4\r\n");
    t_weir_end(&weir);
}

/* However many come, and say nothing. */
Test(proxy_header_in, that_does_not_come_takes_no_more_than_connections_and_time)
{
    struct t_conn *silent[3];
    int64_t since_ms;

    start_with("127.0.0.1", t_text("    limits: {connections: 3, connections_per_ip: 1}\n"
                                   "    timeouts: {header: %dms}\n",
                                   LIMIT_MS * 10));
    since_ms = t_now_ms();
    for (int i = 0; i < 3; i++) {
        silent[i] = t_connect(weir.port);
        t_send(silent[i], "PRO");
        t_await_read_by_peer(silent[i]);
    }
    expect_refused(V1);
    for (int i = 0; i < 3; i++)
        t_expect_any_end(silent[i]);
    cr_assert_geq(t_now_ms() - since_ms, LIMIT_MS * 10 - 10);
    t_weir_await_log(&weir, "it did not come in time");
    t_stats_assert(&weir, "listeners/web/connections/proxy_headers_refused", 3);
    settle("192.0.2.1");
    t_weir_end(&weir);
}

/* `timeouts.header` is for the PROXY header and the head of the request together. */
Test(proxy_header_in, has_its_time_with_the_head)
{
    struct t_conn *client;
    int64_t since_ms;

    start_with("127.0.0.1", t_text("    timeouts: {header: %dms}\n", LIMIT_MS));
    since_ms = t_now_ms();
    client = t_connect(weir.port);
    for (size_t i = 0; !t_conn_poll(client) && !client->at_end && !client->error; i++) {
        const char *drip = V1 "GET / HTTP/1.1\r\nA: ";
        t_try_send(client, i < strlen(drip) ? drip + i : "x", 1);
        usleep(3000);
        cr_assert_lt(t_now_ms() - since_ms, LONG_MS);
    }
    cr_assert_geq(t_now_ms() - since_ms, LIMIT_MS - 10);
    t_close(client);
    t_weir_end(&weir);
}

/* Balancers look whether somebody is there. */
Test(proxy_header_in, is_not_missed_where_nothing_is_said)
{
    struct t_conn *client;

    start();
    client = t_connect(weir.port);
    t_half_close(client);
    t_expect_end(client);
    client = t_connect(weir.port);
    t_send(client, "PROXY TC");
    t_half_close(client);
    t_expect_any_end(client);
    t_weir_await_log(&weir, "the connection ended in it");
    t_stats_assert(&weir, "listeners/web/connections/proxy_headers_refused", 1);
    t_weir_end(&weir);
}

Test(proxy_header_in, needs_somebody_who_may_send_it)
{
    struct t_run run = t_weir_check("listeners: {w: {listen: \"127.0.0.1:@port@\", pool: p, "
                                    "proxy_protocol: on}}\n"
                                    "pools: {p: {servers: [{address: \"127.0.0.1:1\"}]}}\n");

    t_assert_number("status", run.status, 1);
    t_assert_contains(run.err, "listeners.w.proxy_protocol: nobody may send a PROXY header");
}
