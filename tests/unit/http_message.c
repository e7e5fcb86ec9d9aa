#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define BIG "9223372036854775807" /* INT64_MAX */

struct framing {
    const char *fields; /* behind the start line */
    enum weir_error error;
    enum weir_framing_kind kind;
    uint64_t length;
};

#define NONE(fields)                                                                               \
    {                                                                                              \
        fields, WEIR_OK, WEIR_FRAMING_NONE, 0                                                      \
    }
#define LENGTH(fields, length)                                                                     \
    {                                                                                              \
        fields, WEIR_OK, WEIR_FRAMING_LENGTH, length                                               \
    }
#define CHUNKED(fields)                                                                            \
    {                                                                                              \
        fields, WEIR_OK, WEIR_FRAMING_CHUNKED, 0                                                   \
    }
#define CLOSE(fields)                                                                              \
    {                                                                                              \
        fields, WEIR_OK, WEIR_FRAMING_CLOSE, UINT64_MAX                                            \
    }
#define BAD(fields)                                                                                \
    {                                                                                              \
        fields, WEIR_BAD_FRAMING, WEIR_FRAMING_NONE, 0                                             \
    }
#define UNKNOWN(fields)                                                                            \
    {                                                                                              \
        fields, WEIR_UNKNOWN_CODING, WEIR_FRAMING_NONE, 0                                          \
    }

#define CL "Content-Length: "
#define TE "Transfer-Encoding: "

/* RFC 9112 section 6.3, and what may be smuggled past it. The same rows hold for answers, where
 * what is refused is a bad answer and what has no framing lasts until the end. */
static const struct framing framings[] = {
    NONE(""),
    LENGTH(CL "0\r\n", 0),
    LENGTH(CL "5\r\n", 5),
    LENGTH("content-LENGTH:\t5 \t\r\n", 5),
    LENGTH(CL "0005\r\n", 5),
    LENGTH(CL BIG "\r\n", INT64_MAX),
    BAD(CL "9223372036854775808\r\n"),
    BAD(CL "18446744073709551616\r\n"),
    BAD(CL "18446744073709551621\r\n"),
    BAD(CL "99999999999999999999999999\r\n"),
    BAD(CL "\r\n"),
    BAD(CL "+5\r\n"),
    BAD(CL "-5\r\n"),
    BAD(CL "-0\r\n"),
    BAD(CL "5 5\r\n"),
    BAD(CL "5;a\r\n"),
    BAD(CL "5.0\r\n"),
    BAD(CL "5e1\r\n"),
    BAD(CL "0x5\r\n"),
    BAD(CL "1_000\r\n"),
    BAD(CL "\"5\"\r\n"),
    BAD(CL "five\r\n"),
    BAD(CL "5\xc2\xa0\r\n"),
    BAD(CL "5,\r\n"),
    BAD(CL ",5\r\n"),
    BAD(CL "5, 5\r\n"),
    BAD(CL "5, 6\r\n"),
    BAD(CL "5\r\n" CL "5\r\n"),
    BAD(CL "5\r\n" CL "6\r\n"),
    BAD(CL "5\r\n" CL "\r\n"),
    BAD(CL "\r\n" CL "5\r\n"),
    BAD(CL "5\r\nA: b\r\ncontent-length: 5\r\n"),
    CHUNKED(TE "chunked\r\n"),
    CHUNKED("transfer-ENCODING:CHUNKED\r\n"),
    CHUNKED(TE "\t Chunked \t\r\n"),
    BAD(TE "chunked\r\n" CL "5\r\n"),
    BAD(CL "5\r\n" TE "chunked\r\n"),
    BAD(CL "0\r\n" TE "chunked\r\n"),
    BAD(TE "gzip\r\n" CL "5\r\n"),
    BAD(TE "\r\n" CL "5\r\n"),
    BAD(TE "chunked, chunked\r\n"),
    BAD(TE "chunked\r\n" TE "chunked\r\n"),
    BAD(TE "chunked, gzip\r\n"),
    BAD(TE "chunked\r\n" TE "gzip\r\n"),
    BAD(TE "chunked, identity\r\n"),
    BAD(TE "\r\n"),
    BAD(TE ",\r\n"),
    BAD(TE "chunked,\r\n"),
    BAD(TE ",chunked\r\n"),
    BAD(TE "chunked, ,\r\n"),
    BAD(TE "\r\n" TE "chunked\r\n"),
    BAD(TE "chunked\r\n" TE "\r\n"),
    UNKNOWN(TE "gzip, chunked\r\n"),
    UNKNOWN(TE "gzip\r\n" TE "chunked\r\n"),
    UNKNOWN(TE "identity, chunked\r\n"),
    UNKNOWN(TE "gzip\r\n"),
    UNKNOWN(TE "identity\r\n"),
    UNKNOWN(TE "xchunked\r\n"),
    UNKNOWN(TE "chunkedx\r\n"),
    UNKNOWN(TE "chunke\r\n"),
    UNKNOWN(TE "chunked;q=1\r\n"),
    UNKNOWN(TE "\"chunked\"\r\n"),
    UNKNOWN(TE "chunked chunked\r\n"),
    UNKNOWN(TE "chunked\x80\r\n"),
    NONE("X-Content-Length: 5\r\n"),
    NONE("Content_Length: 5\r\n"),
    NONE("Transfer_Encoding: chunked\r\n"),
    NONE("Connection: content-length\r\n"),
    LENGTH("Connection: content-length\r\n" CL "5\r\n", 5),
    CHUNKED("Connection: transfer-encoding\r\n" TE "chunked\r\n"),
};

/* Reads a head whose parts stand one after the other. Owns: http_text_free. */
static struct http_text *read_parts(enum weir_head_kind kind, const char *first, const char *second,
                                    const char *third)
{
    char bytes[1024];
    int len = snprintf(bytes, sizeof(bytes), "%s%s%s\r\n", first, second, third);
    struct http_text *text = http_text_read(kind, weir_slice_make(bytes, (size_t)len));

    cr_assert_eq(text->error, WEIR_OK, "%s", http_show(weir_slice_make(bytes, (size_t)len)));
    cr_assert(text->head.complete);
    return text;
}

Test(http_message, requests_are_framed_as_rfc_9112_says)
{
    for (size_t i = 0; i < HTTP_COUNT(framings); i++) {
        const struct framing *row = &framings[i];
        struct http_text *text = read_parts(WEIR_HEAD_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\n",
                                            row->fields, "");
        struct weir_request request;
        enum weir_error error = weir_request_read(&request, &text->head, text->base);
        const char *shown = http_show(weir_slice_from(row->fields));

        cr_expect_eq(error, row->error, "%s: %s", shown, weir_error_name(error));
        if (!error) {
            cr_expect_eq(request.framing.kind, row->kind, "%s: %d", shown, request.framing.kind);
            cr_expect_eq(request.framing.length, row->length, "%s: %" PRIu64, shown,
                         request.framing.length);
        }
        http_text_free(text);
    }
}

Test(http_message, answers_are_framed_as_rfc_9112_says)
{
    for (size_t i = 0; i < HTTP_COUNT(framings); i++) {
        const struct framing *row = &framings[i];
        struct http_text *text = read_parts(WEIR_HEAD_RESPONSE, "HTTP/1.1 200 OK\r\n", row->fields,
                                            "");
        struct weir_response response;
        enum weir_error error = weir_response_read(&response, &text->head, text->base,
                                                   WEIR_METHOD_GET);
        const char *shown = http_show(weir_slice_from(row->fields));

        cr_expect_eq(error, row->error ? WEIR_BAD_RESPONSE : WEIR_OK, "%s: %s", shown,
                     weir_error_name(error));
        if (!error && row->kind == WEIR_FRAMING_NONE)
            cr_expect_eq(response.framing.kind, WEIR_FRAMING_CLOSE, "%s", shown);
        else if (!error)
            cr_expect_eq(response.framing.kind, row->kind, "%s", shown);
        if (!error && row->kind == WEIR_FRAMING_LENGTH)
            cr_expect_eq(response.framing.length, row->length, "%s", shown);
        http_text_free(text);
    }
}

struct answer {
    const char *head;
    enum weir_method method;
    enum weir_error error;
    enum weir_framing_kind kind;
    uint64_t length;
    bool is_interim, is_keep_alive;
};

#define ANSWER(head, method, kind, length, interim, keeps)                                         \
    {                                                                                              \
        head, WEIR_METHOD_##method, WEIR_OK, WEIR_FRAMING_##kind, length, interim, keeps           \
    }
#define BAD_ANSWER(head, method)                                                                   \
    {                                                                                              \
        head, WEIR_METHOD_##method, WEIR_BAD_RESPONSE, WEIR_FRAMING_NONE, 0, false, false          \
    }
#define UNSAID UINT64_MAX

static const struct answer answers[] = {
    ANSWER("HTTP/1.1 200 OK\r\n", GET, CLOSE, UNSAID, false, false),
    ANSWER("HTTP/1.1 200 OK\r\n" CL "5\r\n", GET, LENGTH, 5, false, true),
    ANSWER("HTTP/1.1 200 OK\r\n" CL "0\r\n", GET, LENGTH, 0, false, true),
    ANSWER("HTTP/1.1 200 OK\r\n" TE "chunked\r\n", GET, CHUNKED, UNSAID, false, true),
    ANSWER("HTTP/1.1 200 OK\r\n" CL "5\r\nConnection: close\r\n", GET, LENGTH, 5, false, false),
    ANSWER("HTTP/1.1 200 OK\r\n" TE "chunked\r\nConnection: a, CLOSE\r\n", GET, CHUNKED, UNSAID,
           false, false),
    ANSWER("HTTP/1.0 200 OK\r\n" CL "5\r\n", GET, LENGTH, 5, false, false),
    ANSWER("HTTP/1.0 200 OK\r\n" CL "5\r\nConnection: keep-alive\r\n", GET, LENGTH, 5, false, true),
    ANSWER("HTTP/1.0 200 OK\r\n" CL "5\r\nConnection: keep-alive, close\r\n", GET, LENGTH, 5, false,
           false),
    ANSWER("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", GET, CLOSE, UNSAID, false, false),
    ANSWER("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", GET, CLOSE, UNSAID, false, false),
    ANSWER("HTTP/1.1 200 OK\r\nProxy-Connection: close\r\n" CL "5\r\n", GET, LENGTH, 5, false,
           true),
    ANSWER("HTTP/1.1 200 OK\r\n" CL "5\r\n", HEAD, NONE, 5, false, true),
    ANSWER("HTTP/1.1 200 OK\r\n", HEAD, NONE, UNSAID, false, true),
    ANSWER("HTTP/1.1 200 OK\r\n" TE "chunked\r\n", HEAD, NONE, UNSAID, false, true),
    ANSWER("HTTP/1.1 204 No Content\r\n", GET, NONE, UNSAID, false, true),
    ANSWER("HTTP/1.1 204 No Content\r\n" CL "5\r\n", GET, NONE, 5, false, true),
    ANSWER("HTTP/1.1 204 No Content\r\n" TE "chunked\r\n", GET, NONE, UNSAID, false, true),
    ANSWER("HTTP/1.1 205 Reset\r\n" CL "5\r\n", GET, LENGTH, 5, false, true),
    ANSWER("HTTP/1.1 304 Not Modified\r\n", GET, NONE, UNSAID, false, true),
    ANSWER("HTTP/1.1 304 Not Modified\r\n" CL "5\r\n", GET, NONE, 5, false, true),
    ANSWER("HTTP/1.0 304 Not Modified\r\n", GET, NONE, UNSAID, false, false),
    ANSWER("HTTP/1.1 100 Continue\r\n", POST, NONE, UNSAID, true, true),
    ANSWER("HTTP/1.1 102 \r\n", POST, NONE, UNSAID, true, true),
    ANSWER("HTTP/1.1 103 Early Hints\r\nLink: a\r\n", GET, NONE, UNSAID, true, true),
    ANSWER("HTTP/1.1 199 \r\n" CL "5\r\n", GET, NONE, 5, true, true),
    BAD_ANSWER("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n", GET),
    BAD_ANSWER("HTTP/1.1 200 OK\r\n" CL "5\r\n" TE "chunked\r\n", GET),
    BAD_ANSWER("HTTP/1.1 200 OK\r\n" TE "chunked\r\n" CL "5\r\n", HEAD),
    BAD_ANSWER("HTTP/1.1 204 OK\r\n" TE "chunked\r\n" CL "5\r\n", GET),
    BAD_ANSWER("HTTP/1.1 200 OK\r\n" CL "5\r\n" CL "5\r\n", GET),
    BAD_ANSWER("HTTP/1.1 200 OK\r\n" CL "5, 5\r\n", GET),
    BAD_ANSWER("HTTP/1.1 304 OK\r\n" CL "x\r\n", GET),
    BAD_ANSWER("HTTP/1.1 100 OK\r\n" CL "x\r\n", GET),
    BAD_ANSWER("HTTP/1.1 200 OK\r\n" TE "gzip\r\n", GET),
    BAD_ANSWER("HTTP/1.1 200 OK\r\n" TE "gzip, chunked\r\n", GET),
    BAD_ANSWER("HTTP/1.0 200 OK\r\n" TE "chunked\r\n", GET),
};

Test(http_message, answers_mean_what_their_status_and_method_say)
{
    for (size_t i = 0; i < HTTP_COUNT(answers); i++) {
        const struct answer *row = &answers[i];
        struct http_text *text = read_parts(WEIR_HEAD_RESPONSE, row->head, "", "");
        struct weir_response response;
        enum weir_error error = weir_response_read(&response, &text->head, text->base, row->method);
        const char *shown = http_show(weir_slice_from(row->head));

        cr_expect_eq(error, row->error, "%s: %s", shown, weir_error_name(error));
        if (!error) {
            cr_expect_eq(response.framing.kind, row->kind, "%s: %d", shown, response.framing.kind);
            cr_expect_eq(response.framing.length, row->length, "%s", shown);
            cr_expect_eq(response.is_interim, row->is_interim, "%s", shown);
            cr_expect_eq(response.is_keep_alive, row->is_keep_alive, "%s", shown);
        }
        http_text_free(text);
    }
}

struct target {
    const char *line; /* method and target */
    const char *host; /* the value of Host, or NULL for none */
    enum weir_error error;
    const char *path, *forward, *authority;
};

#define GOOD(line, host, path, forward, authority)                                                 \
    {                                                                                              \
        line, host, WEIR_OK, path, forward, authority                                              \
    }
#define WRONG(line, host, error)                                                                   \
    {                                                                                              \
        line, host, WEIR_##error, NULL, NULL, NULL                                                 \
    }

static const struct target targets[] = {
    GOOD("GET /", "a", "/", "/", "a"),
    GOOD("GET /a/b?c=d?e/f", "a", "/a/b", "/a/b?c=d?e/f", "a"),
    GOOD("GET /?", "a", "/", "/?", "a"),
    GOOD("GET //a.example/b", "a", "//a.example/b", "//a.example/b", "a"),
    GOOD("GET /a/../b", "a", "/a/../b", "/a/../b", "a"),
    GOOD("GET /%2e%00%zz", "a", "/%2e%00%zz", "/%2e%00%zz", "a"),
    GOOD("GET /http://b/", "a", "/http://b/", "/http://b/", "a"),
    GOOD("GET http://b/c?d", "a", "/c", "/c?d", "b"),
    GOOD("GET http://b", "a", "/", "/", "b"),
    GOOD("GET HTTP://B:81/c", "a", "/c", "/c", "B:81"),
    GOOD("GET https://b/c", "a", "/c", "/c", "b"),
    GOOD("GET http://[::1]:80/c", "a", "/c", "/c", "[::1]:80"),
    GOOD("OPTIONS *", "a", "*", "*", "a"),
    GOOD("OPTIONS /", "a", "/", "/", "a"),
    GOOD("OPTIONS http://b", "a", "*", "*", "b"),
    GOOD("OPTIONS http://b/", "a", "/", "/", "b"),
    WRONG("GET *", "a", BAD_TARGET),
    WRONG("OPTIONS **", "a", BAD_TARGET),
    WRONG("OPTIONS *?a", "a", BAD_TARGET),
    WRONG("GET a", "a", BAD_TARGET),
    WRONG("GET a:80", "a", BAD_TARGET),
    WRONG("GET ?a", "a", BAD_TARGET),
    WRONG("GET /#a", "a", BAD_TARGET),
    WRONG("GET /a?b#c", "a", BAD_TARGET),
    WRONG("GET http://b#c", "a", BAD_TARGET),
    WRONG("GET http://", "a", BAD_TARGET),
    WRONG("GET http:///c", "a", BAD_TARGET),
    WRONG("GET http:/b/c", "a", BAD_TARGET),
    WRONG("GET http:b", "a", BAD_TARGET),
    WRONG("GET http://b?c", "a", BAD_TARGET),
    WRONG("GET http://u@b/", "a", BAD_TARGET),
    WRONG("GET http://u:p@b/", "a", BAD_TARGET),
    WRONG("GET http://b:x/", "a", BAD_TARGET),
    WRONG("GET http://b:80:80/", "a", BAD_TARGET),
    WRONG("GET http://b:123456/", "a", BAD_TARGET),
    WRONG("GET http://b\\c/", "a", BAD_TARGET),
    WRONG("GET http://b,c/", "a", BAD_TARGET),
    WRONG("GET ftp://b/", "a", BAD_TARGET),
    WRONG("GET javascript:x", "a", BAD_TARGET),
    WRONG("CONNECT b:443", "b:443", METHOD_NOT_CARRIED),
    WRONG("CONNECT /", "b", METHOD_NOT_CARRIED),
    /* Host. */
    GOOD("GET /", "a.example", "/", "/", "a.example"),
    GOOD("GET /", "A.Example:8080", "/", "/", "A.Example:8080"),
    GOOD("GET /", "a.example:", "/", "/", "a.example:"),
    GOOD("GET /", "127.0.0.1:65535", "/", "/", "127.0.0.1:65535"),
    GOOD("GET /", "[2001:db8::1]", "/", "/", "[2001:db8::1]"),
    GOOD("GET /", "[fe80::1%25eth0]:80", "/", "/", "[fe80::1%25eth0]:80"),
    GOOD("GET /", "a_b", "/", "/", "a_b"),
    GOOD("GET /", "a.", "/", "/", "a."),
    WRONG("GET /", NULL, BAD_HOST),
    WRONG("GET /", "", BAD_HOST),
    WRONG("GET /", "a\r\nHost: a", BAD_HOST),
    WRONG("GET /", "a\r\nhost: b", BAD_HOST),
    WRONG("GET /", "a\r\nHost:", BAD_HOST),
    WRONG("GET /", "\r\nHost: a", BAD_HOST),
    WRONG("GET /", "a b", BAD_HOST),
    WRONG("GET /", "a,b", BAD_HOST),
    WRONG("GET /", "a, a", BAD_HOST),
    WRONG("GET /", "a/b", BAD_HOST),
    WRONG("GET /", "a?b", BAD_HOST),
    WRONG("GET /", "a#b", BAD_HOST),
    WRONG("GET /", "a\\b", BAD_HOST),
    WRONG("GET /", "u@a", BAD_HOST),
    WRONG("GET /", "http://a", BAD_HOST),
    WRONG("GET /", "\"a\"", BAD_HOST),
    WRONG("GET /", "<a>", BAD_HOST),
    WRONG("GET /", "a\xc3\xa9", BAD_HOST),
    WRONG("GET /", ":80", BAD_HOST),
    WRONG("GET /", "a:b", BAD_HOST),
    WRONG("GET /", "a:-1", BAD_HOST),
    WRONG("GET /", "a:80:80", BAD_HOST),
    WRONG("GET /", "a:123456", BAD_HOST),
    WRONG("GET /", "::1", BAD_HOST),
    WRONG("GET /", "[::1", BAD_HOST),
    WRONG("GET /", "::1]", BAD_HOST),
    WRONG("GET /", "[]", BAD_HOST),
    WRONG("GET /", "[]:80", BAD_HOST),
    WRONG("GET /", "[::1]a", BAD_HOST),
    WRONG("GET /", "[::1]]", BAD_HOST),
    WRONG("GET /", "[[::1]", BAD_HOST),
    WRONG("GET /", "a[::1]", BAD_HOST),
    /* An absolute target's authority counts, but Host must be right all the same. */
    WRONG("GET http://b/", NULL, BAD_HOST),
    WRONG("GET http://b/", "a b", BAD_HOST),
    WRONG("GET http://b/", "b\r\nHost: b", BAD_HOST),
};

static void expect_slice(struct weir_slice slice, const char *expected, const char *of)
{
    cr_expect(weir_slice_is(slice, expected), "%s: %s, not %s", of, http_show(slice), expected);
}

Test(http_message, targets_and_hosts_are_read_or_refused)
{
    for (size_t i = 0; i < HTTP_COUNT(targets); i++) {
        const struct target *row = &targets[i];
        char head[256];
        if (row->host)
            snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: %s\r\n", row->line, row->host);
        else
            snprintf(head, sizeof(head), "%s HTTP/1.1\r\n", row->line);
        struct http_text *text = read_parts(WEIR_HEAD_REQUEST, head, "", "");
        struct weir_request request;
        enum weir_error error = weir_request_read(&request, &text->head, text->base);

        cr_expect_eq(error, row->error, "%s: %s", http_show(weir_slice_from(head)),
                     weir_error_name(error));
        if (!error && !row->error) {
            expect_slice(request.path, row->path, head);
            expect_slice(request.forward, row->forward, head);
            expect_slice(request.authority, row->authority, head);
            cr_expect_eq(request.has_absolute_target,
                         strstr(row->line, " http") != NULL || strstr(row->line, " HTTP") != NULL);
        }
        http_text_free(text);
    }
}

struct meaning {
    const char *head;
    bool is_keep_alive, expects_continue, is_repeatable;
    enum weir_method method;
};

static const struct meaning meanings[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n", true, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.9\r\nHost: a\r\n", true, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", false, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE , a\r\n", false, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: a\r\nconnection: ,,close\r\n", false, false, true,
     WEIR_METHOD_GET},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n", false, false, true,
     WEIR_METHOD_GET},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n", true, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.0\r\n", false, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", true, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n", false, false, true, WEIR_METHOD_GET},
    {"GET / HTTP/1.0\r\nKeep-Alive: timeout=5\r\n", false, false, true, WEIR_METHOD_GET},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n", true, false, true, WEIR_METHOD_HEAD},
    {"PUT / HTTP/1.1\r\nHost: a\r\n", true, false, true, WEIR_METHOD_PUT},
    {"DELETE / HTTP/1.1\r\nHost: a\r\n", true, false, true, WEIR_METHOD_DELETE},
    {"OPTIONS / HTTP/1.1\r\nHost: a\r\n", true, false, true, WEIR_METHOD_OPTIONS},
    {"TRACE / HTTP/1.1\r\nHost: a\r\n", true, false, true, WEIR_METHOD_TRACE},
    {"POST / HTTP/1.1\r\nHost: a\r\n", true, false, false, WEIR_METHOD_POST},
    {"PATCH / HTTP/1.1\r\nHost: a\r\n", true, false, false, WEIR_METHOD_PATCH},
    {"QUERY / HTTP/1.1\r\nHost: a\r\n", true, false, false, WEIR_METHOD_OTHER},
    {"get / HTTP/1.1\r\nHost: a\r\n", true, false, false, WEIR_METHOD_OTHER},
    {"GETS / HTTP/1.1\r\nHost: a\r\n", true, false, false, WEIR_METHOD_OTHER},
    {"POST / HTTP/1.1\r\nHost: a\r\nidempotency-key: 1\r\n", true, false, true, WEIR_METHOD_POST},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n", true, true, false, WEIR_METHOD_POST},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: else\r\n", true, false, false, WEIR_METHOD_POST},
    {"POST / HTTP/1.0\r\nExpect: 100-continue\r\n", false, false, false, WEIR_METHOD_POST},
};

Test(http_message, requests_mean_what_their_version_and_fields_say)
{
    for (size_t i = 0; i < HTTP_COUNT(meanings); i++) {
        const struct meaning *row = &meanings[i];
        struct http_text *text = read_parts(WEIR_HEAD_REQUEST, row->head, "", "");
        struct weir_request request;

        cr_expect_eq(weir_request_read(&request, &text->head, text->base), WEIR_OK, "%s",
                     row->head);
        cr_expect_eq(request.method, row->method, "%s", row->head);
        cr_expect_eq(request.is_keep_alive, row->is_keep_alive, "%s", row->head);
        cr_expect_eq(request.expects_continue, row->expects_continue, "%s", row->head);
        cr_expect_eq(request.is_repeatable, row->is_repeatable, "%s", row->head);
        http_text_free(text);
    }
}

Test(http_message, http_1_0_may_come_without_a_host_but_not_chunked)
{
    static const struct {
        const char *head;
        enum weir_error error;
        const char *authority;
    } rows[] = {
        {"GET / HTTP/1.0\r\n", WEIR_OK, ""},
        {"GET / HTTP/1.0\r\nHost: a\r\n", WEIR_OK, "a"},
        {"GET http://b/ HTTP/1.0\r\n", WEIR_OK, "b"},
        {"GET http://b/ HTTP/1.0\r\nHost: a\r\n", WEIR_OK, "b"},
        {"GET / HTTP/1.0\r\nHost: a b\r\n", WEIR_BAD_HOST, NULL},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n", WEIR_BAD_HOST, NULL},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", WEIR_BAD_FRAMING, NULL},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n", WEIR_BAD_FRAMING, NULL},
        {"POST / HTTP/1.0\r\nContent-Length: 1\r\n", WEIR_OK, ""},
    };

    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        struct http_text *text = read_parts(WEIR_HEAD_REQUEST, rows[i].head, "", "");
        struct weir_request request;
        enum weir_error error = weir_request_read(&request, &text->head, text->base);

        cr_expect_eq(error, rows[i].error, "%s: %s", rows[i].head, weir_error_name(error));
        if (!error && rows[i].authority)
            expect_slice(request.authority, rows[i].authority, rows[i].head);
        http_text_free(text);
    }
}

Test(http_message, host_is_the_authority_without_its_port)
{
    static const char *const rows[][2] = {
        {"a", "a"}, {"a:80", "a"}, {"a:", "a"}, {"[::1]", "[::1]"}, {"[::1]:80", "[::1]"}, {"", ""},
    };

    for (size_t i = 0; i < HTTP_COUNT(rows); i++)
        expect_slice(weir_authority_host(weir_slice_from(rows[i][0])), rows[i][1], rows[i][0]);
}
