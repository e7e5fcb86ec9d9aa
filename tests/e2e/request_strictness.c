/* A request that could be read in two ways is refused, its connection ends, no server sees it. */
#include "support/t_scene.h"

#include <string.h>

#define BYTES(literal) (literal), sizeof(literal) - 1
#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define LINE(text) BYTES(text "\r\nHost: h\r\n\r\n")
#define FIELD(text) BYTES(GET text "\r\n\r\n")
#define BODY(fields) BYTES(POST fields "\r\nhello")
#define LENGTH(value) BODY("Content-Length:" value "\r\n")
#define CODING(value) BYTES(POST "Transfer-Encoding:" value "\r\n\r\n0\r\n\r\n")

struct row {
    const char *bytes;
    size_t len;
    int status;
};

static const struct row lines[] = {
    {LINE("GET"), 400},
    {LINE("GET /"), 400},
    {LINE("GET / "), 400},
    {LINE("GET  / HTTP/1.1"), 400},
    {LINE("GET /  HTTP/1.1"), 400},
    {LINE("GET / HTTP/1.1 "), 400},
    {LINE(" GET / HTTP/1.1"), 400},
    {LINE("GET\t/ HTTP/1.1"), 400},
    {LINE("GET /\tHTTP/1.1"), 400},
    {LINE("GET /\vHTTP/1.1"), 400},
    {LINE("GET /a b HTTP/1.1"), 400},
    {LINE("GET /\0 HTTP/1.1"), 400},
    {LINE("GET /\r HTTP/1.1"), 400},
    {LINE("GET / HTTP/1.1\r"), 400},
    {LINE("GET /\x7f HTTP/1.1"), 400},
    {LINE("GET /\xc3\xa9 HTTP/1.1"), 400},
    {LINE("GET /#a HTTP/1.1"), 400},
    {LINE("GET a HTTP/1.1"), 400},
    {LINE("GET * HTTP/1.1"), 400},
    {LINE("GET ** HTTP/1.1"), 400},
    {LINE("G@T / HTTP/1.1"), 400},
    {LINE("G\xc9T / HTTP/1.1"), 400},
    {LINE("GET / HTTP/1"), 400},
    {LINE("GET / HTTP/1."), 400},
    {LINE("GET / HTTP/1.x"), 400},
    {LINE("GET / HTTP/1.10"), 400},
    {LINE("GET / HTTP/01.1"), 400},
    {LINE("GET / HTTP/+1.1"), 400},
    {LINE("GET / HTTP/0.9"), 400},
    {LINE("GET / HTTP/2.0"), 400},
    {LINE("GET / http/1.1"), 400},
    {LINE("GET / XTTP/1.1"), 400},
    {LINE("GET http:// HTTP/1.1"), 400},
    {LINE("GET http:///a HTTP/1.1"), 400},
    {LINE("GET http://u@h/ HTTP/1.1"), 400},
    {LINE("GET http://h:x/ HTTP/1.1"), 400},
    {LINE("GET http://h,i/ HTTP/1.1"), 400},
    {LINE("GET http://[::1/ HTTP/1.1"), 400},
    {LINE("GET ftp://h/ HTTP/1.1"), 400},
    {LINE("GET h:80 HTTP/1.1"), 400},
    {LINE("CONNECT h:443 HTTP/1.1"), 501},
    {LINE("connect h:443 HTTP/1.1"), 400},
    {BYTES("\r\n\r\n" GET "\r\n"), 400},
    {BYTES("\n" GET "\r\n"), 400},
    {BYTES("GET / HTTP/1.1\nHost: h\r\n\r\n"), 400},
    {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
    {BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400},
    {BYTES("\0\0\0\0"), 400},
    {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" GET "\r\n"), 400},
    {BYTES("\r\n\r\n\0\r\nQUIT\n"), 400},
};

static const struct row fields[] = {
    {FIELD("A : b"), 400},
    {FIELD("A\t: b"), 400},
    {FIELD(" A: b"), 400},
    {FIELD("A: b\r\n c"), 400},
    {FIELD("A: b\r\n\tc"), 400},
    {FIELD("A:\r\n b"), 400},
    {FIELD("A"), 400},
    {FIELD(": b"), 400},
    {FIELD("A B: c"), 400},
    {FIELD("A\0B: c"), 400},
    {FIELD("A(: c"), 400},
    {FIELD("\xc3\xa9: c"), 400},
    {FIELD("A: b\0c"), 400},
    {FIELD("A: b\rc"), 400},
    {FIELD("A: b\r\rB: c"), 400},
    {FIELD("A: b\nB: c"), 400},
    {FIELD("A: b\r"), 400},
    {FIELD("A: b\vc"), 400},
    {FIELD("A: b\x7f"), 400},
    {FIELD("A: b\x1b[2J"), 400},
    {FIELD("Host: h"), 400},
    {FIELD("host: other"), 400},
    {BYTES(GET "\n"), 400},
    {BYTES(GET "A: b\r\n\n"), 400},
    {BYTES("GET / HTTP/1.1\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost : h\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: h, i\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: h i\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: h/i\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: h:80:80\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"), 400},
    {BYTES("GET http://h/ HTTP/1.1\r\n\r\n"), 400},
    {BYTES("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"), 400},
};

static const struct row framings[] = {
    {BODY("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
    {BODY("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
    {BODY("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"), 400},
    {BODY("Content-Length: 5\r\nConnection: content-length\r\nTransfer-Encoding: chunked\r\n"),
     400},
    {BODY("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
    {BODY("Content-Length: 5\r\ncontent-length: 5\r\n"), 400},
    {LENGTH("5, 5"), 400},
    {LENGTH("5,6"), 400},
    {LENGTH(""), 400},
    {LENGTH(" "), 400},
    {LENGTH("+5"), 400},
    {LENGTH("-5"), 400},
    {LENGTH("5x"), 400},
    {LENGTH("x5"), 400},
    {LENGTH("0x5"), 400},
    {LENGTH("5.0"), 400},
    {LENGTH("5e0"), 400},
    {LENGTH("5;"), 400},
    {LENGTH("\"5\""), 400},
    {LENGTH("5 5"), 400},
    {LENGTH("5\v"), 400},
    {LENGTH("\xd9\xa5"), 400},
    {LENGTH("9223372036854775808"), 400},
    {LENGTH("18446744073709551621"), 400},
    {LENGTH("340282366920938463463374607431768211461"), 400},
    {BODY("Content-Length : 5\r\n"), 400},
    {BODY("Content-Length\0: 5\r\n"), 400},
    {CODING(""), 400},
    {CODING(" , "), 400},
    {CODING("chunked, chunked"), 400},
    {CODING("chunked\r\nTransfer-Encoding: chunked"), 400},
    {CODING("chunked, gzip"), 400},
    {CODING("chunked, identity"), 400},
    {CODING("chunked\r\nTransfer-Encoding: identity"), 400},
    {CODING("\vchunked"), 400},
    {CODING("chunked\v"), 400},
    {CODING("\r\n chunked"), 400},
    {CODING("chunked\r\n\t, gzip"), 400},
    {CODING("gzip, chunked"), 501},
    {CODING("gzip"), 501},
    {CODING("identity"), 501},
    {CODING("identity\r\nTransfer-Encoding: chunked"), 501},
    {CODING("xchunked"), 501},
    {CODING("chunkedx"), 501},
    {CODING("chunked;a=b"), 501},
    {CODING("\"chunked\""), 501},
    {CODING("chun ked"), 501},
    {BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    {BYTES("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
           "Content-Length: 5\r\n\r\n0\r\n\r\n"),
     400},
};

/* One answer, with the status, an announced close and a body of its length, then the end. */
static void check_refusal(struct t_conn *client, const struct row *row)
{
    size_t len;
    char *got = t_read_to_end(client, &len);

    if (t_whole_status(got, len) != row->status || !strstr(got, "\r\nConnection: close\r\n") ||
        !strstr(got, t_text("\r\n\r\n%d ", row->status)))
        t_fail("\"%s\"\n  should be refused with %d and a close; got \"%s\"",
               t_escape(row->bytes, row->len), row->status, t_escape(got, len));
    t_close(client);
}

static void check_rows(const struct row *rows, size_t count, size_t piece)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        struct t_conn *client = t_connect(scene.weir.port);
        if (piece)
            t_send_in_pieces(client, rows[i].bytes, rows[i].len, piece);
        else
            t_send_bytes(client, rows[i].bytes, rows[i].len);
        check_refusal(client, &rows[i]);
    }
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 0);
    t_stats_assert(&scene.weir, "pools/legacy/requests/total", 0);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

Test(request_strictness, request_lines)
{
    check_rows(ROWS(lines), 0);
}

Test(request_strictness, request_lines_in_drips)
{
    check_rows(ROWS(lines), 1);
}

Test(request_strictness, fields)
{
    check_rows(ROWS(fields), 0);
}

Test(request_strictness, fields_in_drips)
{
    check_rows(ROWS(fields), 1);
}

Test(request_strictness, framings)
{
    check_rows(ROWS(framings), 0);
}

Test(request_strictness, framings_in_drips)
{
    check_rows(ROWS(framings), 1);
}

/* What follows a refused head is never read as a request. */
Test(request_strictness, nothing_behind_a_refused_head_is_read)
{
    static const char smuggled[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                                   "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    struct row row = {smuggled, sizeof(smuggled) - 1, 400};
    check_rows(&row, 1, 0);
    check_rows(&row, 1, 5);
}
