#include "weir/proxy/forward.h"

#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define X WEIR_FORWARDED_X
#define RFC WEIR_FORWARDED_RFC7239
#define BOTH WEIR_FORWARDED_BOTH
#define OFF WEIR_FORWARDED_OFF

static void expect_bytes(struct weir_gather *out, struct weir_slice expected)
{
    size_t len;
    char *text = http_gathered(out, &len);

    cr_expect(!weir_gather_has_failed(out));
    cr_expect(weir_slice_is_equal(weir_slice_make(text, len), expected), "%s\n   and not %s",
              http_show(weir_slice_make(text, len)), http_show(expected));
    free(text);
    weir_gather_clear(out);
}

struct request {
    const char *head;
    enum weir_forwarded forwarded;
    bool is_trusted;
    const char *expected;
};

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define VIA "Via: 1.1 weir\r\n\r\n"
#define X_ADDED "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
#define FORMER                                                                                     \
    "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.2\r\nX-Forwarded-Proto: https\r\n"         \
    "X-Forwarded-Host: b\r\nX-Forwarded-Port: 443\r\n"

static const struct request requests[] = {
    /* Order, case, duplicates, blanks and obs-text survive. */
    {GET HOST "b: 2\r\nA:1\r\nB:\t 3 \r\na: \xff\xc3\xa9\r\n\r\n", OFF, false,
     GET HOST "b: 2\r\nA:1\r\nB:\t 3 \r\na: \xff\xc3\xa9\r\n" VIA},
    {GET "A: 1\r\nhOST:a\r\nVia: 1.0 b\r\n\r\n", OFF, false,
     GET "A: 1\r\nhOST:a\r\nVia: 1.0 b\r\n" VIA},
    {"\r\nQUERY /q?r=s HTTP/1.1\r\n" HOST "\r\n", OFF, false, "QUERY /q?r=s HTTP/1.1\r\n" HOST VIA},
    /* What ends here. */
    {GET HOST "Connection: close, x-a\r\nKeep-Alive: timeout=5\r\nX-A: 1\r\nTE: trailers\r\n"
              "Upgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Connection: keep-alive\r\n"
              "Proxy-Authorization: x\r\nX-B: 2\r\n\r\n",
     OFF, false, GET HOST "X-B: 2\r\n" VIA},
    {GET "Connection: host, content-length, transfer-encoding, via, x-forwarded-for\r\n" HOST
         "Content-Length: 5\r\nX-Forwarded-For: b\r\n\r\n",
     OFF, false, GET HOST "X-Forwarded-For: b\r\nContent-Length: 5\r\n" VIA},
    /* An upgrade is asked for anew, without what must not be. */
    {GET HOST "upgrade: h2c,  b/2\r\nConnection: x-a, UPGRADE\r\nX-A: 1\r\nUpgrade: C\r\n"
              "HTTP2-Settings: x\r\nContent-Length: 5\r\n\r\n",
     OFF, false, GET HOST "Content-Length: 5\r\nConnection: upgrade\r\nUpgrade: b/2, C\r\n" VIA},
    /* Framing is weir's own. */
    {GET HOST "content-length: 0005\r\nA: 1\r\n\r\n", OFF, false,
     GET HOST "A: 1\r\nContent-Length: 5\r\n" VIA},
    {GET HOST "Content-Length:0\r\n\r\n", OFF, false, GET HOST "Content-Length: 0\r\n" VIA},
    {GET HOST "transfer-encoding: CHUNKED\r\nTrailer: A\r\n\r\n", OFF, false,
     GET HOST "Trailer: A\r\nTransfer-Encoding: chunked\r\n" VIA},
    {GET HOST "Content-Length: 5\r\nTrailer: A\r\n\r\n", OFF, false,
     GET HOST "Content-Length: 5\r\n" VIA},
    {GET HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", OFF, false,
     GET HOST "Expect: 100-continue\r\nContent-Length: 5\r\n" VIA},
    /* Versions and targets. */
    {"GET / HTTP/1.9\r\n" HOST "\r\n", OFF, false, GET HOST "Via: 1.9 weir\r\n\r\n"},
    {"GET / HTTP/1.0\r\nA: 1\r\n\r\n", OFF, false,
     GET "Host: server:80\r\nA: 1\r\nVia: 1.0 weir\r\n\r\n"},
    {"POST / HTTP/1.0\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", OFF, false,
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nVia: 1.0 weir\r\n\r\n"},
    {"GET http://B:81/c?d HTTP/1.1\r\nA: 1\r\n" HOST "\r\n", OFF, false,
     "GET /c?d HTTP/1.1\r\nHost: B:81\r\nA: 1\r\n" VIA},
    {"GET http://b HTTP/1.0\r\n\r\n", OFF, false, GET "Host: b\r\nVia: 1.0 weir\r\n\r\n"},
    {"OPTIONS http://b HTTP/1.1\r\n" HOST "\r\n", OFF, false,
     "OPTIONS * HTTP/1.1\r\nHost: b\r\n" VIA},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", OFF, false, "OPTIONS * HTTP/1.1\r\n" HOST VIA},
    /* Forwarding fields: mode by trust. */
    {GET HOST FORMER "\r\n", OFF, false, GET HOST FORMER VIA},
    {GET HOST FORMER "\r\n", OFF, true, GET HOST FORMER VIA},
    {GET HOST FORMER "\r\n", X, false, GET HOST X_ADDED VIA},
    {GET HOST FORMER "\r\n", X, true,
     GET HOST "Forwarded: for=10.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n"
              "X-Forwarded-Port: 443\r\nX-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n" VIA},
    {GET HOST FORMER "\r\n", RFC, false,
     GET HOST "Forwarded: for=192.0.2.7;host=\"a\";proto=http\r\n" VIA},
    {GET HOST FORMER "\r\n", RFC, true,
     GET HOST "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n"
              "X-Forwarded-Port: 443\r\n"
              "Forwarded: for=10.0.0.2, for=192.0.2.7;host=\"a\";proto=http\r\n" VIA},
    {GET HOST FORMER "\r\n", BOTH, false,
     GET HOST X_ADDED "Forwarded: for=192.0.2.7;host=\"a\";proto=http\r\n" VIA},
    {GET HOST FORMER "\r\n", BOTH, true,
     GET HOST "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nX-Forwarded-Port: 443\r\n"
              "X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n"
              "Forwarded: for=10.0.0.2, for=192.0.2.7;host=\"a\";proto=http\r\n" VIA},
    {GET HOST "\r\n", X, true, GET HOST X_ADDED VIA},
    {GET HOST "x-forwarded-for: a\r\nB: 1\r\nX-FORWARDED-FOR: b, c\r\nX-Forwarded-For:\r\n\r\n", X,
     true,
     GET HOST "B: 1\r\nX-Forwarded-For: a, b, c, 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
              "X-Forwarded-Host: a\r\n" VIA},
    /* To be listed by Connection neither removes nor hides them. */
    {GET HOST "Connection: x-forwarded-for\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n", X, false,
     GET HOST X_ADDED VIA},
    {"GET http://b:81/ HTTP/1.1\r\n" HOST "\r\n", BOTH, false,
     GET "Host: b:81\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
         "X-Forwarded-Host: b:81\r\n"
         "Forwarded: for=192.0.2.7;host=\"b:81\";proto=http\r\n" VIA},
    {"GET / HTTP/1.0\r\n\r\n", BOTH, false,
     GET "Host: server:80\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
         "Forwarded: for=192.0.2.7;proto=http\r\nVia: 1.0 weir\r\n\r\n"},
};

/* Forwards a head that must be valid. */
static void forward(struct weir_gather *out, const struct http_text *text,
                    enum weir_forwarded forwarded, bool is_trusted, const char *peer,
                    const char *server)
{
    static struct weir_request request;

    cr_assert_eq(text->error, WEIR_OK);
    cr_assert(text->head.complete);
    cr_assert_eq(weir_request_read(&request, &text->head, text->base), WEIR_OK);
    weir_gather_init(out);
    weir_forward_request(out, &(struct weir_forward_request){.head = &text->head,
                                                             .base = text->base,
                                                             .request = &request,
                                                             .forwarded = forwarded,
                                                             .peer_is_trusted = is_trusted,
                                                             .peer_host = peer,
                                                             .server_name = server});
}

Test(proxy_forward, requests_go_out_to_the_byte)
{
    for (size_t i = 0; i < HTTP_COUNT(requests); i++) {
        const struct request *row = &requests[i];
        struct http_text *text = http_text_read(WEIR_HEAD_REQUEST, weir_slice_from(row->head));
        struct weir_gather out;

        forward(&out, text, row->forwarded, row->is_trusted, "192.0.2.7", "server:80");
        expect_bytes(&out, weir_slice_from(row->expected));
        http_text_free(text);
    }
}

Test(proxy_forward, peers_and_servers_of_every_kind_have_a_name)
{
    static const struct weir_slice head = WEIR_SLICE("GET / HTTP/1.0\r\n\r\n");
    static const struct {
        const char *peer, *server, *host, *added;
    } rows[] = {
        {"2001:db8::1", "[2001:db8::2]:80", "[2001:db8::2]:80",
         "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: http\r\n"
         "Forwarded: for=\"[2001:db8::1]\";proto=http\r\n"},
        {"unix", "unix:/run/app.sock", "localhost",
         "X-Forwarded-For: unix\r\nX-Forwarded-Proto: http\r\nForwarded: "
         "for=unknown;proto=http\r\n"},
    };

    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        struct http_text *text = http_text_read(WEIR_HEAD_REQUEST, head);
        struct weir_gather out;
        char expected[512];

        snprintf(expected, sizeof(expected), GET "Host: %s\r\n%sVia: 1.0 weir\r\n\r\n",
                 rows[i].host, rows[i].added);
        forward(&out, text, BOTH, false, rows[i].peer, rows[i].server);
        expect_bytes(&out, weir_slice_from(expected));
        http_text_free(text);
    }
}

/* So many lines are taken out of the middle that what is left does not fit the gather's own room.
 */
Test(proxy_forward, more_pieces_than_fit_lose_no_byte)
{
    enum { PAIRS = 1000 };
    static const struct weir_head_limits limits = {1 << 20, 2 * PAIRS + 2};
    static char bytes[PAIRS * 40 + 128], expected[PAIRS * 40 + 128];
    int at = sprintf(bytes, GET HOST "Connection: x-gone\r\n");
    int expected_at = sprintf(expected, GET HOST);
    struct weir_gather out;

    for (int i = 0; i < PAIRS; i++) {
        at += sprintf(bytes + at, "X-Gone: %d\r\nX-Kept: %d\r\n", i, i);
        expected_at += sprintf(expected + expected_at, "X-Kept: %d\r\n", i);
    }
    at += sprintf(bytes + at, "\r\n");
    expected_at += sprintf(expected + expected_at, X_ADDED VIA);
    struct http_text *text = http_text_drip(WEIR_HEAD_REQUEST, weir_slice_make(bytes, (size_t)at),
                                            (size_t)at, 1, &limits);
    forward(&out, text, X, false, "192.0.2.7", "server:80");
    expect_bytes(&out, weir_slice_make(expected, (size_t)expected_at));
    http_text_free(text);
}

struct response {
    const char *head;
    struct weir_framing framing;
    bool client_is_http10, keeps_client;
    const char *expected;
};

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define LENGTH_5                                                                                   \
    {                                                                                              \
        WEIR_FRAMING_LENGTH, 5                                                                     \
    }
#define CHUNKS                                                                                     \
    {                                                                                              \
        WEIR_FRAMING_CHUNKED, UINT64_MAX                                                           \
    }
#define UNTIL_CLOSE                                                                                \
    {                                                                                              \
        WEIR_FRAMING_CLOSE, UINT64_MAX                                                             \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        WEIR_FRAMING_NONE, UINT64_MAX                                                              \
    }
#define ANNOUNCED_5                                                                                \
    {                                                                                              \
        WEIR_FRAMING_NONE, 5                                                                       \
    }

static const struct response responses[] = {
    {OK_LINE "b: 2\r\nA:1\r\nB:\t 3 \r\nb: \xff\r\nContent-Length: 5\r\n\r\n", LENGTH_5, false,
     true, OK_LINE "b: 2\r\nA:1\r\nB:\t 3 \r\nb: \xff\r\nContent-Length: 5\r\n" VIA},
    {OK_LINE "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 005\r\nVia: 1.1 c\r\n\r\n",
     LENGTH_5, false, true,
     OK_LINE "Set-Cookie: a\r\nSet-Cookie: b\r\nVia: 1.1 c\r\nContent-Length: 5\r\n" VIA},
    {OK_LINE "Connection: close, x-a\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2\r\n"
             "Proxy-Connection: x\r\nProxy-Authenticate: x\r\nContent-Length: 5\r\n\r\n",
     LENGTH_5, false, true, OK_LINE "Content-Length: 5\r\n" VIA},
    {OK_LINE "Content-Length: 5\r\n\r\n", LENGTH_5, false, false,
     OK_LINE "Content-Length: 5\r\nVia: 1.1 weir\r\nConnection: close\r\n\r\n"},
    {OK_LINE "Content-Length: 5\r\n\r\n", LENGTH_5, true, true,
     OK_LINE "Content-Length: 5\r\nVia: 1.1 weir\r\nConnection: keep-alive\r\n\r\n"},
    {OK_LINE "Content-Length: 5\r\n\r\n", LENGTH_5, true, false,
     OK_LINE "Content-Length: 5\r\nVia: 1.1 weir\r\nConnection: close\r\n\r\n"},
    {OK_LINE "transfer-encoding: Chunked\r\nTrailer: A\r\n\r\n", CHUNKS, false, true,
     OK_LINE "Trailer: A\r\nTransfer-Encoding: chunked\r\n" VIA},
    {OK_LINE "Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n", UNTIL_CLOSE, true, false,
     OK_LINE "Via: 1.1 weir\r\nConnection: close\r\n\r\n"},
    {"HTTP/1.0 200 Fine\r\nA: 1\r\n\r\n", CHUNKS, false, true,
     "HTTP/1.1 200 Fine\r\nA: 1\r\nTransfer-Encoding: chunked\r\nVia: 1.0 weir\r\n\r\n"},
    {"HTTP/1.1 200\r\n\r\n", LENGTH_5, false, true, "HTTP/1.1 200 \r\nContent-Length: 5\r\n" VIA},
    {"HTTP/1.1 200 \r\n\r\n", LENGTH_5, false, true, "HTTP/1.1 200 \r\nContent-Length: 5\r\n" VIA},
    {"HTTP/1.0 200\r\n\r\n", LENGTH_5, false, true,
     "HTTP/1.1 200 \r\nContent-Length: 5\r\nVia: 1.0 weir\r\n\r\n"},
    {"HTTP/1.7 404 \xffno \r\n\r\n", LENGTH_5, false, true,
     "HTTP/1.1 404 \xffno \r\nContent-Length: 5\r\nVia: 1.7 weir\r\n\r\n"},
    /* No body, but its length: the answers to HEAD and 304; 204 has none (RFC 9110 section 8.6). */
    {OK_LINE "Content-Length: 5\r\n\r\n", ANNOUNCED_5, false, true,
     OK_LINE "Content-Length: 5\r\n" VIA},
    {OK_LINE "Transfer-Encoding: chunked\r\n\r\n", NOTHING, false, true, OK_LINE VIA},
    {"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", ANNOUNCED_5, false, true,
     "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n" VIA},
    {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", ANNOUNCED_5, false, true,
     "HTTP/1.1 204 No\r\n" VIA},
};

Test(proxy_forward, answers_go_out_to_the_byte)
{
    for (size_t i = 0; i < HTTP_COUNT(responses); i++) {
        const struct response *row = &responses[i];
        struct http_text *text = http_text_read(WEIR_HEAD_RESPONSE, weir_slice_from(row->head));
        struct weir_gather out;

        cr_assert_eq(text->error, WEIR_OK, "%s", row->head);
        unsigned options = weir_head_options(&text->head, text->base);
        weir_gather_init(&out);
        weir_forward_response(&out, &(struct weir_forward_response){
                                        .head = &text->head,
                                        .base = text->base,
                                        .framing = row->framing,
                                        .client_is_http10 = row->client_is_http10,
                                        .keeps_client = row->keeps_client,
                                        .has_options = (options & WEIR_OPTION_OTHER) != 0});
        expect_bytes(&out, weir_slice_from(row->expected));
        http_text_free(text);
    }
}

Test(proxy_forward, interim_answers_have_fields_but_no_framing)
{
    static const struct weir_slice head = WEIR_SLICE(
        "HTTP/1.1 103 Early\r\nLink: </a>\r\nConnection: x\r\nX: 1\r\nContent-Length: 5"
        "\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\n\r\n");
    struct http_text *text = http_text_read(WEIR_HEAD_RESPONSE, head);
    struct weir_gather out;

    weir_gather_init(&out);
    weir_forward_interim(&out, &text->head, text->base, NULL);
    expect_bytes(&out, weir_slice_from("HTTP/1.1 103 Early\r\nLink: </a>\r\n" VIA));
    http_text_free(text);
}

Test(proxy_forward, a_switch_names_its_protocol)
{
    static const struct weir_slice head = WEIR_SLICE(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nX: 1\r\nConnection: X, Upgrade"
        "\r\nSec-WebSocket-Accept: a=\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\n\r\n");
    struct http_text *text = http_text_read(WEIR_HEAD_RESPONSE, head);
    struct weir_gather out;

    weir_gather_init(&out);
    weir_forward_switch(&out, &text->head, text->base, NULL);
    expect_bytes(&out, weir_slice_from("HTTP/1.1 101 Switching Protocols\r\n"
                                       "Sec-WebSocket-Accept: a=\r\n"
                                       "Connection: upgrade\r\nUpgrade: WebSocket\r\n" VIA));
    http_text_free(text);
}

Test(proxy_forward, trailers_go_on_without_what_weir_goes_by)
{
    static const struct weir_slice head = WEIR_SLICE(
        "A: 1\r\ncontent-length: 5\r\nb:\xff\r\nHost: c\r\nTransfer-Encoding: chunked\r\n"
        "X-Forwarded-For: d\r\na: 2\r\n\r\n");
    struct http_text *text = http_text_read(WEIR_HEAD_TRAILERS, head);
    struct weir_gather out;

    weir_gather_init(&out);
    weir_forward_trailers(&out, &text->head, text->base, NULL);
    expect_bytes(&out, weir_slice_from("A: 1\r\nb:\xff\r\na: 2\r\n"));
    http_text_free(text);
}

Test(proxy_forward, framings_fit_the_client_s_version)
{
    static const struct {
        enum weir_framing_kind source, to_http11, to_http10;
    } rows[] = {
        {WEIR_FRAMING_NONE, WEIR_FRAMING_NONE, WEIR_FRAMING_NONE},
        {WEIR_FRAMING_LENGTH, WEIR_FRAMING_LENGTH, WEIR_FRAMING_LENGTH},
        {WEIR_FRAMING_CHUNKED, WEIR_FRAMING_CHUNKED, WEIR_FRAMING_CLOSE},
        {WEIR_FRAMING_CLOSE, WEIR_FRAMING_CHUNKED, WEIR_FRAMING_CLOSE},
    };

    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        struct weir_framing source = {rows[i].source, 5};
        cr_expect_eq(weir_forward_framing(source, false).kind, rows[i].to_http11);
        cr_expect_eq(weir_forward_framing(source, true).kind, rows[i].to_http10);
        cr_expect_eq(weir_forward_framing(source, true).length, 5);
    }
}
