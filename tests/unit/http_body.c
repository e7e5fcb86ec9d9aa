#include "weir/http/body.h"

#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct weir_framing chunked = {.kind = WEIR_FRAMING_CHUNKED};

/* How a body was read in pieces: what came of it, and how it ended. */
struct outcome {
    enum weir_body_event end; /* MORE: all was read and it is not over */
    size_t used;              /* bytes, up to the end */
    size_t content_len;
    char content[4096];
};

/* Feeds the bytes as they would lie in a buffer that first holds FIRST of them, then STEP more at a
 * time, with what is not used kept. Each call sees just its bytes and none beyond. */
static void feed(struct outcome *outcome, struct weir_body *body, struct weir_slice bytes,
                 size_t first, size_t step)
{
    size_t end = first < bytes.len ? first : bytes.len, at = 0;

    outcome->content_len = 0;
    for (;;) {
        struct weir_slice slice = {NULL, 0};
        size_t len = end - at, used = SIZE_MAX;
        char *copy = malloc(len + !len);
        cr_assert_not_null(copy);
        memcpy(copy, bytes.data + at, len);
        enum weir_body_event event = weir_body_next(body, copy, len, &used, &slice);
        if (event != WEIR_BODY_BAD)
            cr_assert_leq(used, len);
        if (event == WEIR_BODY_DATA) {
            cr_assert(slice.len > 0 && slice.data >= copy && slice.data + slice.len <= copy + used);
            cr_assert_leq(outcome->content_len + slice.len, sizeof(outcome->content));
            memcpy(outcome->content + outcome->content_len, slice.data, slice.len);
            outcome->content_len += slice.len;
        }
        free(copy);
        at += event == WEIR_BODY_BAD ? 0 : used;
        outcome->end = event;
        outcome->used = at;
        if (event == WEIR_BODY_DATA)
            continue;
        if (event != WEIR_BODY_MORE || end == bytes.len)
            return;
        end = bytes.len - end > step ? end + step : bytes.len;
    }
}

struct row {
    struct weir_slice bytes;
    enum weir_body_event end;
    const char *content; /* unless BAD */
    size_t left;         /* bytes that are not the body's */
};

#define END(bytes, content, left)                                                                  \
    {                                                                                              \
        WEIR_SLICE(bytes), WEIR_BODY_END, content, left                                            \
    }
#define TRAILERS(bytes, content, left)                                                             \
    {                                                                                              \
        WEIR_SLICE(bytes), WEIR_BODY_TRAILERS, content, left                                       \
    }
#define MORE(bytes, content, left)                                                                 \
    {                                                                                              \
        WEIR_SLICE(bytes), WEIR_BODY_MORE, content, left                                           \
    }
#define BAD(bytes)                                                                                 \
    {                                                                                              \
        WEIR_SLICE(bytes), WEIR_BODY_BAD, "", 0                                                    \
    }
#define LAST "0\r\n\r\n"

static const struct row rows[] = {
    END(LAST, "", 0),
    END("5\r\nhello\r\n" LAST, "hello", 0),
    END("5\r\nhello\r\n1\r\n!\r\n" LAST "GET /", "hello!", 5),
    END("5\r\nhello\r\n" LAST "\r\n", "hello", 2),
    END("A\r\n0123456789\r\n" LAST, "0123456789", 0),
    END("a\r\n0123456789\r\n" LAST, "0123456789", 0),
    END("0000000000000005\r\nhello\r\n" LAST, "hello", 0),
    END("5\r\n\r\n\r\n0\r\n" LAST, "\r\n\r\n0", 0),
    END("5\r\n0\r\n\r\n\r\n" LAST, "0\r\n\r\n", 0),
    END("5;\r\nhello\r\n" LAST, "hello", 0),
    END("5;a=b;c=\"d e\"\t\r\nhello\r\n0;x\r\n\r\n", "hello", 0),
    END("5;\xff\r\nhello\r\n" LAST, "hello", 0),
    END("000\r\n\r\n", "", 0),
    TRAILERS("0\r\nA: b\r\n\r\n", "", 8),
    TRAILERS("5\r\nhello\r\n0\r\nA", "hello", 1),
    TRAILERS("0\r\n\n", "", 1),
    MORE("", "", 0),
    MORE("5", "", 0),
    MORE("5\r", "", 0),
    MORE("5\r\n", "", 0),
    MORE("5\r\nhell", "hell", 0),
    MORE("5\r\nhello", "hello", 0),
    MORE("5\r\nhello\r", "hello", 0),
    MORE("5\r\nhello\r\n", "hello", 0),
    MORE("5\r\nhello\r\n0\r\n", "hello", 0),
    MORE("5\r\nhello\r\n0\r\n\r", "hello", 1),
    MORE("7fffffffffffffff\r\nhello", "hello", 0),
    BAD("\r\n"),
    BAD("\r\n" LAST),
    BAD("\n"),
    BAD(";a\r\nhello\r\n" LAST),
    BAD("0x5\r\nhello\r\n" LAST),
    BAD("x5\r\nhello\r\n" LAST),
    BAD("+5\r\nhello\r\n" LAST),
    BAD("-1\r\nhello\r\n" LAST),
    BAD(" 5\r\nhello\r\n" LAST),
    BAD("5 \r\nhello\r\n" LAST),
    BAD("5\t\r\nhello\r\n" LAST),
    BAD("5 ;a\r\nhello\r\n" LAST),
    BAD("5_\r\nhello\r\n" LAST),
    BAD("5,5\r\nhello\r\n" LAST),
    BAD("5h\r\nhello\r\n" LAST),
    BAD("5g\r\nhello\r\n" LAST),
    BAD("G\r\nhello\r\n" LAST),
    BAD("@\r\nhello\r\n" LAST),
    BAD(":\r\nhello\r\n" LAST),
    BAD("`\r\nhello\r\n" LAST),
    BAD("\xb5\r\nhello\r\n" LAST),
    BAD("5\0\r\nhello\r\n" LAST),
    BAD("00000000000000005\r\nhello\r\n" LAST),
    BAD("10000000000000005\r\nhello\r\n" LAST),
    BAD("8000000000000000\r\nhello\r\n" LAST),
    BAD("ffffffffffffffff\r\nhello\r\n" LAST),
    BAD("5\nhello\r\n" LAST),
    BAD("5\rhello\r\n" LAST),
    BAD("5\r\rhello\r\n" LAST),
    BAD("5\n\rhello\r\n" LAST),
    BAD("5;a\nhello\r\n" LAST),
    BAD("5;a\r;\nhello\r\n" LAST),
    BAD("5;a\rb\r\nhello\r\n" LAST),
    BAD("5;a\0\r\nhello\r\n" LAST),
    BAD("5;\x7f\r\nhello\r\n" LAST),
    BAD("5;\x01\r\nhello\r\n" LAST),
    BAD("5;\"\n\"\r\nhello\r\n" LAST),
    BAD("5\r\nhello" LAST),
    BAD("5\r\nhello!\r\n" LAST),
    BAD("5\r\nhello\n" LAST),
    BAD("5\r\nhello\n\n" LAST),
    BAD("5\r\nhelloX\n" LAST),
    BAD("5\r\nhello\rX" LAST),
    BAD("5\r\nhello\r\r\n" LAST),
    BAD("5\r\nhello\r\n\r\n"),
    BAD("5\r\nhello\r\n\n"),
    BAD("0\n\r\n"),
    BAD("0\r\r\n"),
    BAD("0\r\n\rX"),
    BAD("0\r\n\r\r"),
};

Test(http_body, chunked_is_read_as_the_table_says_at_every_split)
{
    static struct outcome outcome;

    for (size_t i = 0; i < HTTP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        const char *shown = http_show(row->bytes);
        for (size_t first = 0; first <= row->bytes.len; first++) {
            size_t steps[] = {1, row->bytes.len + 1};
            for (size_t k = 0; k < HTTP_COUNT(steps); k++) {
                struct weir_body body;
                weir_body_init(&body, chunked);
                feed(&outcome, &body, row->bytes, first, steps[k]);
                cr_expect_eq(outcome.end, row->end, "%s: %d", shown, outcome.end);
                cr_expect_eq(weir_body_is_complete(&body), row->end == WEIR_BODY_END,
                             "%s: is it complete?", shown);
                cr_expect_eq(weir_body_may_end_by_close(&body), row->end == WEIR_BODY_END, "%s",
                             shown);
                if (row->end == WEIR_BODY_BAD)
                    continue;
                cr_expect(weir_slice_is(weir_slice_make(outcome.content, outcome.content_len),
                                        row->content),
                          "%s", shown);
                cr_expect_eq(outcome.used + row->left, row->bytes.len, "%s: %zu", shown,
                             outcome.used);
                cr_expect_eq(body.content_bytes, outcome.content_len, "%s", shown);
            }
        }
    }
}

Test(http_body, chunk_extensions_have_a_limit_each)
{
    static struct outcome outcome;
    static char bytes[4096];

    for (int len = 1023; len <= 1025; len++) {
        struct weir_body body;
        int at = snprintf(bytes, sizeof(bytes), "1;%0*d\r\nx\r\n1;%0*d\r\ny\r\n" LAST, len, 0, len,
                          0);
        weir_body_init(&body, chunked);
        feed(&outcome, &body, weir_slice_make(bytes, (size_t)at), 1000, 1);
        cr_expect_eq(outcome.end, len <= 1024 ? WEIR_BODY_END : WEIR_BODY_BAD, "%d bytes", len);
    }
}

Test(http_body, trailers_end_it_once_they_are_read)
{
    struct weir_body body;
    static struct outcome outcome;
    static const struct weir_slice bytes = WEIR_SLICE("0\r\nA: b\r\n\r\nrest");

    weir_body_init(&body, chunked);
    feed(&outcome, &body, bytes, bytes.len, 1);
    cr_expect_eq(outcome.end, WEIR_BODY_TRAILERS);
    cr_expect(!weir_body_is_complete(&body));
    weir_body_end(&body);
    cr_expect(weir_body_is_complete(&body));
    feed(&outcome, &body, bytes, bytes.len, 1);
    cr_expect_eq(outcome.end, WEIR_BODY_END);
    cr_expect_eq(outcome.used, 0);
}

Test(http_body, length_ends_after_just_so_many_bytes)
{
    static const struct weir_slice bytes = WEIR_SLICE("hello\r\nrest");
    static struct outcome outcome;

    for (uint64_t length = 0; length <= bytes.len + 2; length++) {
        for (size_t first = 0; first <= bytes.len; first++) {
            struct weir_body body;
            size_t expected = length < bytes.len ? (size_t)length : bytes.len;
            weir_body_init(&body, (struct weir_framing){WEIR_FRAMING_LENGTH, length});
            cr_expect_eq(weir_body_is_complete(&body), length == 0);
            feed(&outcome, &body, bytes, first, 1);
            cr_expect_eq(outcome.end, length <= bytes.len ? WEIR_BODY_END : WEIR_BODY_MORE);
            cr_expect_eq(outcome.used, expected);
            cr_expect_eq(body.content_bytes, expected);
            cr_expect_eq(memcmp(outcome.content, bytes.data, expected), 0);
            cr_expect_eq(weir_body_is_complete(&body), length <= bytes.len);
            cr_expect_eq(weir_body_may_end_by_close(&body), length <= bytes.len);
        }
    }
}

/* What is not seen counts all the same. */
Test(http_body, length_goes_on_behind_what_was_skipped)
{
    static const struct weir_slice bytes = WEIR_SLICE("lorest");
    static struct outcome outcome;
    struct weir_body body;

    weir_body_init(&body, (struct weir_framing){WEIR_FRAMING_LENGTH, 5});
    weir_body_skip(&body, 3);
    cr_expect_not(weir_body_is_complete(&body));
    feed(&outcome, &body, bytes, bytes.len, 1);
    cr_expect_eq(outcome.end, WEIR_BODY_END);
    cr_expect_eq(outcome.used, 2);
    cr_expect_eq(body.content_bytes, 5);

    weir_body_init(&body, (struct weir_framing){WEIR_FRAMING_LENGTH, 5});
    weir_body_skip(&body, 5);
    cr_expect(weir_body_is_complete(&body));
    cr_expect_eq(body.content_bytes, 5);
}

Test(http_body, none_is_complete_at_once)
{
    struct weir_body body;
    static struct outcome outcome;

    /* An announced length, as in the answer to a HEAD, is not waited for. */
    weir_body_init(&body, (struct weir_framing){WEIR_FRAMING_NONE, 5});
    cr_expect(weir_body_is_complete(&body));
    feed(&outcome, &body, weir_slice_from("rest"), 4, 1);
    cr_expect_eq(outcome.end, WEIR_BODY_END);
    cr_expect_eq(outcome.used, 0);
}

Test(http_body, close_lasts_until_the_end)
{
    struct weir_body body;
    static struct outcome outcome;

    weir_body_init(&body, (struct weir_framing){WEIR_FRAMING_CLOSE, UINT64_MAX});
    cr_expect(weir_body_may_end_by_close(&body));
    feed(&outcome, &body, weir_slice_from("0\r\n\r\nHTTP/1.1 200 OK"), 3, 2);
    cr_expect_eq(outcome.end, WEIR_BODY_MORE);
    cr_expect_eq(outcome.content_len, 20);
    cr_expect(!weir_body_is_complete(&body));
    cr_expect(weir_body_may_end_by_close(&body));
}
