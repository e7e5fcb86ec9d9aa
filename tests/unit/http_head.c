#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD "GET / HTTP/1.1\r\n"

/* A row holds any bytes, NUL among them. */
struct row {
    enum weir_head_kind kind;
    struct weir_slice bytes;
    enum weir_error error; /* WEIR_OK: complete, to the last byte */
};

#define REQUEST(text, error)                                                                       \
    {                                                                                              \
        WEIR_HEAD_REQUEST, WEIR_SLICE(text), WEIR_##error                                          \
    }
#define RESPONSE(text, error)                                                                      \
    {                                                                                              \
        WEIR_HEAD_RESPONSE, WEIR_SLICE(text), WEIR_##error                                         \
    }
#define TRAILERS(text, error)                                                                      \
    {                                                                                              \
        WEIR_HEAD_TRAILERS, WEIR_SLICE(text), WEIR_##error                                         \
    }

static const struct row rows[] = {
    /* Request lines. */
    REQUEST("GET / HTTP/1.1\r\n\r\n", OK),
    REQUEST("GET / HTTP/1.0\r\n\r\n", OK),
    REQUEST("GET / HTTP/1.9\r\n\r\n", OK),
    REQUEST("\r\nGET / HTTP/1.1\r\n\r\n", OK),
    REQUEST("\r\n\r\nGET / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("\nGET / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("\rGET / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST(" GET / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("QUERY /q HTTP/1.1\r\n\r\n", OK),
    REQUEST("M-SEARCH * HTTP/1.1\r\n\r\n", OK),
    REQUEST("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n\r\n", OK),
    REQUEST("G(T / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("G\x80T / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET\t/ HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET  / HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET /  HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.1 \r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / x HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET /\tx HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET /\x0bx HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET /\x7f HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET /\xc3\xa9 HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET /\0 HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET /\r HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET /\n HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET  HTTP/1.1\r\n\r\n", BAD_TARGET),
    REQUEST("GET HTTP/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET /\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.10\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.x\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/01.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1,1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/0.9\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/2.0\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / http/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTPS/1.1\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_REQUEST_LINE),
    REQUEST("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" HEAD "\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.1\n\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.1\n\r\n", BAD_REQUEST_LINE),
    REQUEST("GET / HTTP/1.1\r\r\n\r\n", BAD_REQUEST_LINE),
    /* Field lines. */
    REQUEST(HEAD "A: b\r\nC:d\r\nE:\r\nF: \t g h \t\r\n\r\n", OK),
    REQUEST(HEAD "A: \x80\xff \xc3\xa9\r\n\r\n", OK),
    REQUEST(HEAD "A: b\tc \"d\"\\ (e)\r\n\r\n", OK),
    REQUEST(HEAD "!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n", OK),
    REQUEST(HEAD "A:b:c:d\r\n\r\n", OK),
    REQUEST(HEAD "A : b\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A\t: b\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD " A: b\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "\tA: b\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\n c\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\n\tc\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\n c: d\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\n \r\n\r\n", BAD_FIELD),
    REQUEST(HEAD ": b\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD ":\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A b: c\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A(b: c\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A\x80: c\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\0\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A\0: b\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\x01\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\x7f\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\rC: d\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\nC: d\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\r\n\r\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\n\n", BAD_FIELD),
    REQUEST(HEAD "A: b\r\n\r\r\n", BAD_FIELD),
    REQUEST(HEAD "\n", BAD_FIELD),
    REQUEST(HEAD "\rA: b\r\n\r\n", BAD_FIELD),
    /* Status lines. */
    RESPONSE("HTTP/1.1 200 OK\r\n\r\n", OK),
    RESPONSE("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n", OK),
    RESPONSE("HTTP/1.1 200 \r\n\r\n", OK),
    RESPONSE("HTTP/1.1 200\r\n\r\n", OK),
    RESPONSE("HTTP/1.1 200 \xc3\x9c\tb\r\n\r\n", OK),
    RESPONSE("HTTP/1.1 200  two\r\n\r\n", OK),
    RESPONSE("HTTP/1.1 100 \r\n\r\n", OK),
    RESPONSE("HTTP/1.1 599 \r\n\r\n", OK),
    RESPONSE("HTTP/1.7 200 OK\r\n\r\n", OK),
    RESPONSE("HTTP/1.1 099 \r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 000 \r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 600 \r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 2000 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 20 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 20\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 20x OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 +20 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1  200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1\t200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200\tOK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/2 200\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/2.0 200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/0.9 200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("http/1.1 200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("ICY 200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("\r\nHTTP/1.1 200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE(" HTTP/1.1 200 OK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200 O\rK\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200 O\0K\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200 OK\n\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", BAD_RESPONSE),
    RESPONSE("HTTP/1.1 200 OK\r\n: b\r\n\r\n", BAD_RESPONSE),
    /* Trailer sections. */
    TRAILERS("\r\n", OK),
    TRAILERS("A: b\r\nC: d\r\n\r\n", OK),
    TRAILERS("A : b\r\n\r\n", BAD_FIELD),
    TRAILERS("A: b\n\r\n", BAD_FIELD),
    TRAILERS("\n", BAD_FIELD),
    TRAILERS("GET / HTTP/1.1\r\n\r\n", BAD_FIELD),
};

static void expect_row(const struct row *row, const struct http_text *text, const char *how)
{
    const char *shown = http_show(row->bytes);

    cr_expect_eq(weir_error_status(text->error), weir_error_status(row->error), "%s %s: %s", how,
                 shown, weir_error_name(text->error));
    cr_expect_eq(text->head.complete, row->error == WEIR_OK, "%s %s", how, shown);
    if (!row->error && text->head.complete)
        cr_expect_eq(text->head.end, row->bytes.len, "%s %s: %u", how, shown, text->head.end);
}

Test(http_head, is_read_as_the_table_says)
{
    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        struct http_text *text = http_text_read(rows[i].kind, rows[i].bytes);
        expect_row(&rows[i], text, "at once");
        cr_expect_eq(text->error, rows[i].error, "%s: %s", http_show(rows[i].bytes),
                     weir_error_name(text->error));
        http_text_free(text);
    }
}

Test(http_head, is_read_the_same_in_two_pieces_and_byte_by_byte)
{
    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct http_text *whole = http_text_read(row->kind, row->bytes);
        for (size_t first = 0; first <= row->bytes.len; first++) {
            size_t steps[] = {1, row->bytes.len + 1};
            for (size_t k = 0; k < HTTP_COUNT(steps); k++) {
                struct http_text *text = http_text_drip(row->kind, row->bytes, first, steps[k],
                                                        &http_limits);
                expect_row(row, text, "in pieces");
                cr_expect(http_text_is_same(whole, text), "%zu, then %zu at a time: %s", first,
                          steps[k], http_show(row->bytes));
                http_text_free(text);
            }
        }
        http_text_free(whole);
    }
}

/* What comes after the head is not looked at, whatever it is. */
Test(http_head, ends_where_the_blank_line_ends)
{
    static const struct weir_slice bytes = WEIR_SLICE(HEAD "A: b\r\n\r\n\0\n\rGET\r\n\r\n");
    struct http_text *text = http_text_read(WEIR_HEAD_REQUEST, bytes);

    cr_assert_eq(text->error, WEIR_OK);
    cr_expect(text->head.complete);
    cr_expect_eq(text->head.end, sizeof(HEAD "A: b\r\n\r\n") - 1);
    cr_expect_eq(text->head.fields_end, text->head.end - 2);
    http_text_free(text);
}

struct early {
    enum weir_head_kind kind;
    struct weir_slice bytes;
    bool may_go_on;
};

/* Heads that are not complete: is it worth waiting for the rest? */
static const struct early early[] = {
    {WEIR_HEAD_REQUEST, WEIR_SLICE(""), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\r"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\r\n"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\r\n\r"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\r\nG"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("G"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("GET / HTTP/1.1\r"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE(HEAD "\r"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE(HEAD "A: b\r"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE(HEAD "A"), true},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\x16\x03\x01\x02"), false}, /* TLS */
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\x80\x2e\x01"), false},     /* SSL 2 */
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\r\n\r\n\0\r\nQ"), false},  /* PROXY, version 2 */
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\x04\x01\x00\x50"), false}, /* SOCKS */
    {WEIR_HEAD_REQUEST, WEIR_SLICE("PRI * HTTP/2.0\r\n"), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("GET / HTTP/1.1\r\r"), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("GET / HT\rT"), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("GET /\0"), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("\rG"), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE(" "), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE("{\"json\""), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE(HEAD "A: b\rc"), false},
    {WEIR_HEAD_REQUEST, WEIR_SLICE(HEAD "A: b\x01"), false},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE(""), true},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("H"), true},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("HTTP/1."), true},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("HTTP/1.1 200 O"), true},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("HTTP/1.1 200 OK\r\nA"), true},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("HTTP/2"), false},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("HTML"), false},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("SSH-2.0-"), false},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("\x15\x03\x03"), false},
    {WEIR_HEAD_RESPONSE, WEIR_SLICE("<html>"), false},
    {WEIR_HEAD_TRAILERS, WEIR_SLICE("\r"), true},
    {WEIR_HEAD_TRAILERS, WEIR_SLICE("A: \x7f"), false},
};

Test(http_head, other_protocols_are_refused_before_a_line_is_complete)
{
    for (size_t i = 0; i < HTTP_COUNT(early); i++) {
        const struct early *row = &early[i];
        size_t steps[] = {1, row->bytes.len + 1};
        for (size_t k = 0; k < HTTP_COUNT(steps); k++) {
            struct http_text *text = http_text_drip(row->kind, row->bytes, k * row->bytes.len,
                                                    steps[k], &http_limits);
            cr_expect_eq(text->error == WEIR_OK, row->may_go_on, "%s, %zu at a time: %s",
                         http_show(row->bytes), steps[k], weir_error_name(text->error));
            cr_expect(!text->head.complete);
            http_text_free(text);
        }
    }
}

static void expect_slice(struct weir_slice slice, const char *expected)
{
    cr_expect(weir_slice_is(slice, expected), "%s, not %s", http_show(slice), expected);
}

Test(http_head, slices_point_at_what_they_name)
{
    static const struct weir_slice bytes = WEIR_SLICE(
        "\r\nPOST /a?b=c HTTP/1.0\r\nHost:a\r\nx-A: \t b  c\t \r\nEmpty:  \r\nLast:z\r\n"
        "\r\n");
    static const char *const expected[][2] = {
        {"Host", "a"}, {"x-A", "b  c"}, {"Empty", ""}, {"Last", "z"}};
    struct http_text *text = http_text_read(WEIR_HEAD_REQUEST, bytes);
    const struct weir_head *head = &text->head;

    cr_assert_eq(text->error, WEIR_OK);
    cr_expect_eq(head->start, 2);
    cr_expect_eq(head->minor, 0);
    expect_slice(weir_span_in(text->base, head->method), "POST");
    expect_slice(weir_span_in(text->base, head->target), "/a?b=c");
    cr_assert_eq(head->n_fields, HTTP_COUNT(expected));
    for (uint32_t i = 0; i < head->n_fields; i++) {
        expect_slice(weir_field_name(text->base, &head->fields[i]), expected[i][0]);
        expect_slice(weir_field_value(text->base, &head->fields[i]), expected[i][1]);
        uint32_t end = i + 1 < head->n_fields ? head->fields[i + 1].at : head->fields_end;
        cr_expect_eq(memcmp(text->base + end - 2, "\r\n", 2), 0, "line %u", i);
    }
    cr_expect_eq(weir_head_find(head, WEIR_FIELD_HOST), &head->fields[0]);
    cr_expect_null(weir_head_find(head, WEIR_FIELD_VIA));
    http_text_free(text);
}

struct status {
    struct weir_slice bytes;
    unsigned status, minor;
    const char *reason;
};

static const struct status statuses[] = {
    {WEIR_SLICE("HTTP/1.1 200 OK\r\n\r\n"), 200, 1, "OK"},
    {WEIR_SLICE("HTTP/1.0 301 Moved  on \r\n\r\n"), 301, 0, "Moved  on "},
    {WEIR_SLICE("HTTP/1.1 204 \r\n\r\n"), 204, 1, ""},
    {WEIR_SLICE("HTTP/1.1 204\r\n\r\n"), 204, 1, ""},
    {WEIR_SLICE("HTTP/1.9 100 x\r\n\r\n"), 100, 9, "x"},
    {WEIR_SLICE("HTTP/1.1 599 \xff\r\n\r\n"), 599, 1, "\xff"},
};

Test(http_head, status_lines_are_taken_apart)
{
    for (size_t i = 0; i < HTTP_COUNT(statuses); i++) {
        struct http_text *text = http_text_read(WEIR_HEAD_RESPONSE, statuses[i].bytes);
        cr_expect_eq(text->error, WEIR_OK);
        cr_expect_eq(text->head.status, statuses[i].status);
        cr_expect_eq(text->head.minor, statuses[i].minor);
        expect_slice(weir_span_in(text->base, text->head.reason), statuses[i].reason);
        http_text_free(text);
    }
}

/* Every byte at every kind of place, held against the grammar as the RFCs spell it. */
static bool is_tchar(int c)
{
    return c != 0 && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                            c) != NULL;
}

static bool is_field_byte(int c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_target_byte(int c)
{
    return c > 0x20 && c < 0x7f;
}

static void expect_byte(enum weir_head_kind kind, const char *before, const char *after, int c,
                        bool expected)
{
    char bytes[128];
    int len = snprintf(bytes, sizeof(bytes), "%s_%s", before, after);

    bytes[strlen(before)] = (char)c;
    struct weir_slice slice = weir_slice_make(bytes, (size_t)len);
    for (size_t first = 0; first <= slice.len; first += slice.len) {
        struct http_text *text = http_text_drip(kind, slice, first, 1, &http_limits);
        cr_expect_eq(!text->error && text->head.complete, expected, "byte %02x in %s", c,
                     http_show(slice));
        http_text_free(text);
    }
}

Test(http_head, each_byte_is_held_against_the_grammar)
{
    for (int c = 0; c < 256; c++) {
        expect_byte(WEIR_HEAD_REQUEST, "a", "b / HTTP/1.1\r\n\r\n", c, is_tchar(c));
        expect_byte(WEIR_HEAD_REQUEST, "GET /a", "b HTTP/1.1\r\n\r\n", c, is_target_byte(c));
        expect_byte(WEIR_HEAD_REQUEST, HEAD "a", "b: c\r\n\r\n", c, is_tchar(c) || c == ':');
        expect_byte(WEIR_HEAD_REQUEST, HEAD "a: b", "c\r\n\r\n", c, is_field_byte(c));
        expect_byte(WEIR_HEAD_RESPONSE, "HTTP/1.1 200 a", "b\r\n\r\n", c, is_field_byte(c));
        expect_byte(WEIR_HEAD_TRAILERS, "a: b", "c\r\n\r\n", c, is_field_byte(c));
        cr_expect_eq(weir_is_token(weir_slice_make((char[]){(char)c}, 1)), is_tchar(c), "%02x", c);
    }
    cr_expect(!weir_is_token(weir_slice_make("", 0)));
}

/* Long runs are looked at eight bytes at a time: no place within them is overlooked. */
Test(http_head, each_byte_is_seen_at_each_place_of_a_long_run)
{
    for (int c = 0; c < 256; c++) {
        for (int at = 0; at <= 17; at++) {
            char before[64], after[64];
            snprintf(before, sizeof(before), HEAD "a: %.*s", at, "yyyyyyyyyyyyyyyyy");
            snprintf(after, sizeof(after), "%.*s\r\n\r\n", 17 - at, "yyyyyyyyyyyyyyyyy");
            expect_byte(WEIR_HEAD_REQUEST, before, after, c, is_field_byte(c));
            snprintf(before, sizeof(before), "GET /%.*s", at, "~~~~~~~~~~~~~~~~~");
            snprintf(after, sizeof(after), "%.*s HTTP/1.1\r\n\r\n", 17 - at, "!!!!!!!!!!!!!!!!!");
            expect_byte(WEIR_HEAD_REQUEST, before, after, c, is_target_byte(c));
        }
    }
}

struct limit {
    enum weir_head_kind kind;
    const char *bytes;
    struct weir_head_limits limits;
    enum weir_error error;
};

static const struct limit limits[] = {
    /* 14 + 2, 6, 2: 24 bytes. */
    {WEIR_HEAD_REQUEST, HEAD "A: b\r\n\r\n", {24, 1}, WEIR_OK},
    {WEIR_HEAD_REQUEST, HEAD "A: b\r\n\r\n", {23, 1}, WEIR_HEAD_TOO_LARGE},
    {WEIR_HEAD_REQUEST, HEAD "A: b\r\n\r\n", {16, 1}, WEIR_HEAD_TOO_LARGE},
    {WEIR_HEAD_REQUEST, HEAD "A: b\r\n\r\n", {15, 1}, WEIR_TARGET_TOO_LONG},
    {WEIR_HEAD_REQUEST, HEAD "A: b\r\n\r\n", {1, 1}, WEIR_TARGET_TOO_LONG},
    {WEIR_HEAD_REQUEST, "GET /aaaaaaaaaaaaaaaaaa", {16, 1}, WEIR_TARGET_TOO_LONG},
    {WEIR_HEAD_REQUEST, HEAD "A: bbbbbbbbbbbbbbbb", {24, 1}, WEIR_HEAD_TOO_LARGE},
    {WEIR_HEAD_REQUEST, HEAD "A: b\r\n\r\n", {24, 0}, WEIR_TOO_MANY_FIELDS},
    {WEIR_HEAD_REQUEST, HEAD "\r\n", {24, 0}, WEIR_OK},
    {WEIR_HEAD_REQUEST, HEAD "A:\r\nB:\r\nC:\r\n\r\n", {99, 3}, WEIR_OK},
    {WEIR_HEAD_REQUEST, HEAD "A:\r\nB:\r\nC:\r\n\r\n", {99, 2}, WEIR_TOO_MANY_FIELDS},
    {WEIR_HEAD_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n", {19, 0}, WEIR_OK},
    {WEIR_HEAD_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n", {18, 0}, WEIR_BAD_RESPONSE},
    {WEIR_HEAD_RESPONSE, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", {99, 0}, WEIR_BAD_RESPONSE},
    {WEIR_HEAD_TRAILERS, "A: b\r\n\r\n", {8, 1}, WEIR_OK},
    {WEIR_HEAD_TRAILERS, "A: b\r\n\r\n", {7, 1}, WEIR_HEAD_TOO_LARGE},
};

Test(http_head, limits_hold_to_the_byte)
{
    for (size_t i = 0; i < HTTP_COUNT(limits); i++) {
        const struct limit *row = &limits[i];
        struct weir_slice bytes = weir_slice_from(row->bytes);
        for (size_t first = 0; first <= bytes.len; first++) {
            struct http_text *text = http_text_drip(row->kind, bytes, first, 1, &row->limits);
            cr_expect_eq(text->error, row->error, "%s, %u bytes, %u fields: %s", http_show(bytes),
                         row->limits.bytes_max, row->limits.fields_max,
                         weir_error_name(text->error));
            cr_expect_eq(text->head.complete, row->error == WEIR_OK);
            http_text_free(text);
        }
    }
}

/* A body behind the head does not count against the head's limit. */
Test(http_head, limit_is_the_head_s_alone)
{
    static const struct weir_slice bytes = WEIR_SLICE(HEAD "\r\n0123456789");
    struct weir_head_limits just = {sizeof(HEAD "\r\n") - 1, 0};
    struct http_text *text = http_text_drip(WEIR_HEAD_REQUEST, bytes, bytes.len, 1, &just);

    cr_expect_eq(text->error, WEIR_OK);
    cr_expect(text->head.complete);
    http_text_free(text);
}

/* More fields than a head has room for by itself. */
Test(http_head, grows_as_far_as_its_limit)
{
    enum { FIELDS = 1000 };
    static const struct weir_head_limits exact = {32768, FIELDS}, one_less = {32768, FIELDS - 1};
    char *bytes = malloc(FIELDS * 16 + 64);
    int at = sprintf(bytes, HEAD);

    for (int i = 0; i < FIELDS; i++)
        at += sprintf(bytes + at, "n%d:%d\r\n", i, i);
    at += sprintf(bytes + at, "\r\n");
    struct weir_slice slice = weir_slice_make(bytes, (size_t)at);
    struct http_text *text = http_text_drip(WEIR_HEAD_REQUEST, slice, 0, 1000, &exact);
    cr_assert_eq(text->error, WEIR_OK);
    cr_assert_eq(text->head.n_fields, FIELDS);
    for (uint32_t i = 0; i < FIELDS; i++) {
        uint64_t number;
        cr_expect(
            weir_slice_to_number(weir_field_value(text->base, &text->head.fields[i]), &number) &&
            number == i);
    }
    weir_head_fini(&text->head);
    weir_head_fini(&text->head);
    http_text_free(text);
    text = http_text_drip(WEIR_HEAD_REQUEST, slice, slice.len, 1, &one_less);
    cr_expect_eq(text->error, WEIR_TOO_MANY_FIELDS);
    http_text_free(text);
    free(bytes);
}

Test(http_head, known_fields_are_known_in_any_case)
{
    static const struct {
        const char *name;
        enum weir_field_id id;
    } names[] = {
#define NAME(id, spelling) {spelling, WEIR_FIELD_##id},
        WEIR_FIELDS(NAME)
#undef NAME
            {"hOST", WEIR_FIELD_HOST},
        {"tRANSFER-eNCODING", WEIR_FIELD_TRANSFER_ENCODING},
        {"content-length", WEIR_FIELD_CONTENT_LENGTH},
        {"X-Forwarded-Port", WEIR_FIELD_X_FORWARDED_OTHER},
        {"x-forwarded-x", WEIR_FIELD_X_FORWARDED_OTHER},
        {"X-Forwarde", WEIR_FIELD_OTHER},
        {"Transfer_Encoding", WEIR_FIELD_OTHER},
        {"Transfer-Encodin", WEIR_FIELD_OTHER},
        {"Transfer-Encodings", WEIR_FIELD_OTHER},
        {"Content-Lengt\xec", WEIR_FIELD_OTHER},
        {"Hos", WEIR_FIELD_OTHER},
        {"Hosts", WEIR_FIELD_OTHER},
        {"T", WEIR_FIELD_OTHER},
        {"a-name-that-is-longer-than-sixty-four-bytes-and-then-still-some-more", WEIR_FIELD_OTHER},
    };

    for (size_t i = 1; i < HTTP_COUNT(names); i++)
        cr_expect_eq(weir_field_identify(weir_slice_from(names[i].name)), names[i].id, "%s",
                     names[i].name);
}
