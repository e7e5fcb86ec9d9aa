/* Which fields go on, and which end here. */
#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct row {
    const char *connection; /* the Connection fields, whole lines */
    const char *name;
    bool goes_on;
};

static const struct row rows[] = {
    {"", "Accept", true},
    {"", "Cookie", true},
    {"", "Authorization", true},
    {"", "Expect", true},
    {"", "Trailer", true},
    {"", "Host", true},
    {"", "Via", true},
    {"", "Idempotency-Key", true},
    {"", "X-Forwarded-For", true},
    {"", "Content-Encoding", true},
    {"", "Connection", false},
    {"", "Keep-Alive", false},
    {"", "Proxy-Connection", false},
    {"", "Proxy-Authenticate", false},
    {"", "Proxy-Authorization", false},
    {"", "TE", false},
    {"", "Upgrade", false},
    {"", "HTTP2-Settings", false},
    {"", "transfer-encoding", false},
    {"", "CONTENT-LENGTH", false},
    {"Connection: x-a\r\n", "X-A", false},
    {"Connection: close, X-a ,b\r\n", "x-A", false},
    {"Connection: close\r\nConnection: x-a\r\n", "X-A", false},
    {"Connection: close\r\n", "X-A", true},
    {"Connection: x-ab\r\n", "X-A", true},
    {"Connection: x-a\r\n", "X-Ab", true},
    {"Connection: \"x-a\"\r\n", "X-A", true},
    {"Connection: x-a x-b\r\n", "X-A", true},
    {"Connection: cookie\r\n", "Cookie", false},
    {"Connection: trailer\r\n", "Trailer", false},
    /* What weir itself goes by can't be taken away by being listed. */
    {"Connection: host\r\n", "Host", true},
    {"Connection: via\r\n", "Via", true},
    {"Connection: expect\r\n", "Expect", true},
    {"Connection: idempotency-key\r\n", "Idempotency-Key", true},
    {"Connection: forwarded\r\n", "Forwarded", true},
    {"Connection: x-forwarded-for\r\n", "X-Forwarded-For", true},
    {"Connection: x-forwarded-host\r\n", "X-Forwarded-Host", true},
    {"Connection: x-forwarded-proto\r\n", "X-Forwarded-Proto", true},
    {"Connection: x-forwarded-port\r\n", "X-Forwarded-Port", true},
    {"Connection: content-length\r\n", "Content-Length", false},
};

/* Reads a head whose last field is the row's. Owns: http_text_free. */
static struct http_text *read_row(const struct row *row)
{
    char bytes[256];
    int len = snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\n%s%s: 1\r\n\r\n", row->connection,
                       row->name);
    struct http_text *text = http_text_read(WEIR_HEAD_REQUEST, weir_slice_make(bytes, (size_t)len));

    cr_assert_eq(text->error, WEIR_OK);
    return text;
}

Test(http_fields, go_on_or_end_here)
{
    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        struct http_text *text = read_row(&rows[i]);
        const struct weir_field *last = &text->head.fields[text->head.n_fields - 1];
        bool has_options = (weir_head_options(&text->head, text->base) & WEIR_OPTION_OTHER) != 0;

        cr_expect_eq(weir_field_is_forwarded(&text->head, text->base, last, has_options),
                     rows[i].goes_on, "%s with %s", rows[i].name, rows[i].connection);
        http_text_free(text);
    }
}

Test(http_fields, options_are_whole_elements_in_any_case)
{
    static const struct {
        const char *connection;
        bool has_close;
    } options[] = {
        {"close", true},         {"CLOSE", true},    {" a,\tclose ", true}, {",,close,,", true},
        {"a,b,c,d,close", true}, {"", false},        {"closed", false},     {"clos", false},
        {"close x", false},      {"x close", false}, {"\"close\"", false},  {"close;q=1", false},
    };
    static const struct weir_slice close = WEIR_SLICE("close");

    for (size_t i = 0; i < HTTP_COUNT(options); i++) {
        char line[64];
        snprintf(line, sizeof(line), "Connection: %s\r\n", options[i].connection);
        struct http_text *text = read_row(&(struct row){line, "A", true});
        cr_expect_eq(weir_head_has_option(&text->head, text->base, close), options[i].has_close,
                     "%s", options[i].connection);
        http_text_free(text);
    }
}

Test(http_fields, options_are_told_apart)
{
    static const struct {
        const char *connection;
        unsigned expected;
    } options[] = {
        {"close", WEIR_OPTION_CLOSE},
        {"Keep-Alive", WEIR_OPTION_KEEP_ALIVE},
        {"keep-alive, close", WEIR_OPTION_CLOSE | WEIR_OPTION_KEEP_ALIVE},
        {"close,close", WEIR_OPTION_CLOSE},
        {"", 0},
        {",, ,", 0},
        {"x", WEIR_OPTION_OTHER},
        {"closed", WEIR_OPTION_OTHER},
        {"keep-alive, x", WEIR_OPTION_KEEP_ALIVE | WEIR_OPTION_OTHER},
        {"upgrade", WEIR_OPTION_OTHER},
        {"close\r\nConnection: a", WEIR_OPTION_CLOSE | WEIR_OPTION_OTHER},
        {"a\r\nConnection: KEEP-ALIVE", WEIR_OPTION_KEEP_ALIVE | WEIR_OPTION_OTHER},
    };
    struct http_text *none = read_row(&(struct row){"", "A", true});

    cr_expect_eq(weir_head_options(&none->head, none->base), 0);
    http_text_free(none);
    for (size_t i = 0; i < HTTP_COUNT(options); i++) {
        char line[64];
        snprintf(line, sizeof(line), "Connection: %s\r\n", options[i].connection);
        struct http_text *text = read_row(&(struct row){line, "A", true});
        cr_expect_eq(weir_head_options(&text->head, text->base), options[i].expected, "%s",
                     options[i].connection);
        http_text_free(text);
    }
}

Test(http_fields, trailers_are_none_of_the_fields_that_weir_goes_by)
{
    static const struct {
        const char *name;
        bool is_trailer;
    } names[] = {
        {"Checksum", true},
        {"Server-Timing", true},
        {"Content-Length", false},
        {"Transfer-Encoding", false},
        {"Host", false},
        {"Connection", false},
        {"Trailer", false},
        {"TE", false},
        {"Via", false},
        {"X-Forwarded-For", false},
        {"X-Forwarded-X", false},
        {"Forwarded", false},
        {"Expect", false},
        {"Idempotency-Key", false},
        {"Upgrade", false},
    };

    for (size_t i = 0; i < HTTP_COUNT(names); i++) {
        struct http_text *text = read_row(&(struct row){"", names[i].name, true});
        cr_expect_eq(weir_field_is_trailer(&text->head.fields[0]), names[i].is_trailer, "%s",
                     names[i].name);
        http_text_free(text);
    }
}
