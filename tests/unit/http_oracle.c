/* What weir accepts, llhttp must accept too and read the same: fields, target, framing. Heads are
 * made from a grammar with errors in it, and then damaged; the seed is fixed. */
#include "unit/support/http_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef WEIR_HAVE_LLHTTP
#include "weir/proxy/forward.h"

#include "support/llhttp_read.h"

enum {
    HEADS = 150000,
    HEAD_MAX = 2048,
    FIELDS_MAX = 8,
    DAMAGES_MAX = 3,
    ACCEPTED_LEAST = HEADS / 20
};

/* A growing text in a fixed place. */
struct made {
    size_t len;
    char bytes[HEAD_MAX];
};

static void add(struct made *made, const char *bytes, size_t len)
{
    if (len > sizeof(made->bytes) - made->len)
        len = sizeof(made->bytes) - made->len;
    memcpy(made->bytes + made->len, bytes, len);
    made->len += len;
}

static void add_text(struct made *made, const char *text)
{
    add(made, text, strlen(text));
}

#define PICK(random, texts) ((texts)[http_random(random) % HTTP_COUNT(texts)])

/* Mostly the first, seldom one of the others. */
#define MOSTLY(random, texts) (http_random(random) % 8 ? (texts)[0] : PICK(random, texts))

static const char *const methods[] = {"GET",     "POST",  "HEAD",   "OPTIONS",  "PUT",  "DELETE",
                                      "CONNECT", "QUERY", "get",    "M-SEARCH", "PRI",  "PATCH",
                                      "G\tT",    "",      "SOURCE", "DESCRIBE", "FLUSH"};
static const char *const targets[] = {"/",        "/a?b=c",         "*",           "http://a/b",
                                      "http://a", "HTTP://a:80/",   "https://a/?", "a:80",
                                      "//a/b",    "/a#b",           "/\x80",       "/a b",
                                      "",         "/\\\"<>[]^`{|}", "/?a=?b&&/",   "http://u@a/",
                                      "http:///", "/%00%zz",        "/\t",         "http://[::1]/",
                                      "?a",       "/a//b/../c",     "http://a?b",  "ftp://a/"};
static const char *const versions[] = {"HTTP/1.1", "HTTP/1.0", "HTTP/1.2",  "HTTP/2.0", "HTTP/0.9",
                                       "http/1.1", "HTTP/1.",  "HTTP/1.10", "HTTP/1.1 "};
static const char *const statuses[] = {"200", "204", "304",  "100", "101", "404", "099",
                                       "600", "20",  "2000", "503", "+20", "20x"};
static const char *const reasons[] = {" OK", "", " ", "  ", " a\tb", " \xff", "OK", " a\x01"};
static const char *const ends[] = {"\r\n", "\n", "\r", "\r\r\n", "\r\n ", "\n\r", "\r\n\t", "\0"};
static const char *const names[] = {"Host",
                                    "Content-Length",
                                    "Transfer-Encoding",
                                    "Connection",
                                    "A",
                                    "content-length",
                                    "TRANSFER-encoding",
                                    "host",
                                    "Keep-Alive",
                                    "X_a.b~c",
                                    "Upgrade",
                                    "Expect",
                                    "TE",
                                    "Trailer",
                                    "Via",
                                    "Cookie",
                                    "A b",
                                    "",
                                    "Proxy-Connection",
                                    "A\x80",
                                    "Idempotency-Key",
                                    "X-Forwarded-For",
                                    "Content-Lengthx",
                                    "Transfer-Encodin",
                                    "Connection ",
                                    "Content_Length",
                                    "\tA",
                                    "A\""};
static const char *const colons[] = {": ", ":", ":\t", ":  \t ", " :", "", ": \r\n ", "::"};
static const char *const values[] = {"a",
                                     "chunked",
                                     "5",
                                     "0",
                                     "gzip, chunked",
                                     "chunked, chunked",
                                     "",
                                     "5, 5",
                                     "+5",
                                     "0x5",
                                     "close",
                                     "keep-alive",
                                     "CHUNKED",
                                     "chunked,",
                                     "chunked\t",
                                     "5\t ",
                                     "5 5",
                                     "-1",
                                     "005",
                                     "9223372036854775807",
                                     "9223372036854775808",
                                     "18446744073709551616",
                                     "identity",
                                     "chunkedx",
                                     "a,b;c=\"d\"",
                                     "\xc3\xa9",
                                     "upgrade",
                                     "close, keep-alive",
                                     "100-continue",
                                     "a\x01",
                                     "a\x7f",
                                     "a:80",
                                     "[::1]",
                                     "keep-alive, a",
                                     "5_",
                                     ",chunked",
                                     "chunked;a",
                                     " chunked",
                                     "x chunked",
                                     "clos",
                                     "closed",
                                     "trailers",
                                     "h2c",
                                     "xchunked, close"};

static void make_fields(struct made *made, uint64_t *random)
{
    unsigned n = http_random(random) % FIELDS_MAX;

    for (unsigned i = 0; i < n; i++) {
        add_text(made, PICK(random, names));
        add_text(made, MOSTLY(random, colons));
        add_text(made, PICK(random, values));
        if (http_random(random) % 16 == 0)
            add_text(made, " ");
        add_text(made, http_random(random) % 32 ? "\r\n" : PICK(random, ends));
    }
    add_text(made, http_random(random) % 32 ? "\r\n" : PICK(random, ends));
}

static void make_request(struct made *made, uint64_t *random)
{
    made->len = 0;
    if (http_random(random) % 32 == 0)
        add_text(made, PICK(random, ends));
    add_text(made, PICK(random, methods));
    add_text(made, " ");
    add_text(made, MOSTLY(random, targets));
    add_text(made, " ");
    add_text(made, MOSTLY(random, versions));
    add_text(made, http_random(random) % 32 ? "\r\n" : PICK(random, ends));
    if (http_random(random) % 4)
        add_text(made, "Host: a\r\n");
    make_fields(made, random);
}

static void make_response(struct made *made, uint64_t *random)
{
    made->len = 0;
    add_text(made, MOSTLY(random, versions));
    add_text(made, " ");
    add_text(made, MOSTLY(random, statuses));
    add_text(made, MOSTLY(random, reasons));
    add_text(made, http_random(random) % 32 ? "\r\n" : PICK(random, ends));
    make_fields(made, random);
}

/* One byte replaced, taken out, put in, or some bytes said twice. */
static void damage(struct made *made, uint64_t *random)
{
    static const char bytes[] = "\r\n\t \0:;,=\"#?/*@\\\x01\x7f\x80\xff"
                                "0159aAzZ+-._";
    size_t at = http_random(random) % made->len;
    size_t rest = made->len - at, len = http_random(random) % 16;
    char byte = bytes[http_random(random) % (sizeof(bytes) - 1)];

    switch (http_random(random) % 4) {
    case 0:
        made->bytes[at] = byte;
        return;
    case 1:
        memmove(made->bytes + at, made->bytes + at + 1, rest - 1);
        made->len--;
        return;
    case 2:
        len = 1;
        break;
    default:
        len = len < rest ? len : rest;
        break;
    }
    if (made->len + len > sizeof(made->bytes))
        return;
    memmove(made->bytes + at + len, made->bytes + at, rest);
    if (len == 1)
        made->bytes[at] = byte;
    made->len += len;
}

/* The first thing that llhttp sees otherwise, or NULL. */
static const char *find_difference(const struct http_text *text, const struct llhttp_read *other,
                                   struct weir_framing framing, bool keeps_alive)
{
    const struct weir_head *head = &text->head;
    struct weir_slice method = weir_span_in(text->base, head->method);
    bool has_length = framing.kind == WEIR_FRAMING_LENGTH ||
                      (head->kind == WEIR_HEAD_RESPONSE && framing.kind == WEIR_FRAMING_NONE &&
                       framing.length != UINT64_MAX);

    if (!other->is_accepted)
        return other->reason;
    if (head->kind == WEIR_HEAD_REQUEST && llhttp_knows_method(method) &&
        !weir_slice_is_equal(method, other->method))
        return "method";
    if (!weir_slice_is_equal(weir_span_in(text->base, head->target), other->target))
        return "target";
    if (head->status != other->status)
        return "status";
    if (head->n_fields != other->n_fields)
        return "number of fields";
    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (!weir_slice_is_equal(weir_field_name(text->base, &head->fields[i]), other->names[i]))
            return "name";
        if (!weir_slice_is_equal(weir_field_value(text->base, &head->fields[i]), other->values[i]))
            return "value";
    }
    /* Where there is no body all the same, weir does not say whether one was said to be chunked. */
    if (other->is_chunked != (framing.kind == WEIR_FRAMING_CHUNKED) &&
        framing.kind != WEIR_FRAMING_NONE)
        return "chunked";
    if (other->has_length != has_length)
        return "has a length";
    if (has_length && other->length != framing.length)
        return "length";
    /* weir may be the one to close: `close` counts wherever it stands. To llhttp Proxy-Connection
     * counts too, which no RFC says. */
    return keeps_alive && !other->keeps_alive && !weir_head_find(head, WEIR_FIELD_PROXY_CONNECTION)
               ? "keep-alive"
               : NULL;
}

/* Asks llhttp about a head that weir has read. */
static void expect_agreement(const struct http_text *text, struct weir_framing framing,
                             bool keeps_alive)
{
    char *copy = malloc(text->head.end + 4);
    size_t len = llhttp_read_translate(copy, &text->head, text->base, text->head.end);
    struct llhttp_read *other = llhttp_read(
        text->head.kind == WEIR_HEAD_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, copy, len);
    const char *difference = find_difference(text, other, framing, keeps_alive);

    cr_expect_null(difference, "%s: %s", difference,
                   http_show(weir_slice_make(text->base, text->head.end)));
    free(other);
    free(copy);
}

/* What weir sends on is no less clear than what it got. */
static void expect_forwarded(const struct http_text *text, const struct weir_request *request)
{
    struct weir_gather out;
    size_t len;

    weir_gather_init(&out);
    weir_forward_request(&out, &(struct weir_forward_request){.head = &text->head,
                                                              .base = text->base,
                                                              .request = request,
                                                              .forwarded = WEIR_FORWARDED_BOTH,
                                                              .peer_is_trusted = true,
                                                              .peer_host = "::1",
                                                              .server_name = "server:80"});
    char *bytes = http_gathered(&out, &len);
    struct http_text *sent = http_text_read(WEIR_HEAD_REQUEST, weir_slice_make(bytes, len));
    struct weir_request again;

    cr_expect(!sent->error && sent->head.complete && sent->head.end == len &&
                  !weir_request_read(&again, &sent->head, sent->base),
              "%s", http_show(weir_slice_make(bytes, len)));
    if (!sent->error && sent->head.complete) {
        cr_expect_eq(again.framing.kind, request->framing.kind);
        cr_expect_eq(again.framing.length, request->framing.length);
        cr_expect_eq(sent->head.minor, 1);
        expect_agreement(sent, again.framing, true);
    }
    http_text_free(sent);
    free(bytes);
    weir_gather_clear(&out);
}

static bool judge_request(struct weir_slice bytes)
{
    struct http_text *text = http_text_read(WEIR_HEAD_REQUEST, bytes);
    struct weir_request request;
    bool is_accepted = !text->error && text->head.complete &&
                       !weir_request_read(&request, &text->head, text->base);

    if (is_accepted) {
        expect_agreement(text, request.framing, request.is_keep_alive);
        expect_forwarded(text, &request);
    }
    http_text_free(text);
    return is_accepted;
}

static bool judge_response(struct weir_slice bytes)
{
    struct http_text *text = http_text_read(WEIR_HEAD_RESPONSE, bytes);
    struct weir_response response;
    bool is_accepted = !text->error && text->head.complete &&
                       !weir_response_read(&response, &text->head, text->base, WEIR_METHOD_GET);

    if (is_accepted)
        expect_agreement(text, response.framing, response.is_keep_alive);
    http_text_free(text);
    return is_accepted;
}

static void judge_many(void (*make)(struct made *, uint64_t *), bool (*judge)(struct weir_slice))
{
    uint64_t random = 20250101;
    unsigned n_accepted = 0;
    static struct made made;

    for (unsigned i = 0; i < HEADS; i++) {
        make(&made, &random);
        unsigned damages = http_random(&random) % (2 * DAMAGES_MAX);
        for (unsigned k = DAMAGES_MAX; k < damages && made.len > 0; k++)
            damage(&made, &random);
        n_accepted += judge(weir_slice_make(made.bytes, made.len));
    }
    cr_log_info("%u of %u accepted", n_accepted, HEADS);
    cr_expect_gt(n_accepted, ACCEPTED_LEAST, "%u", n_accepted);
}

Test(http_oracle, llhttp_reads_requests_no_other_way)
{
    judge_many(make_request, judge_request);
}

Test(http_oracle, llhttp_reads_answers_no_other_way)
{
    judge_many(make_response, judge_response);
}

/* The oracle itself would notice. */
Test(http_oracle, is_awake)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nA : b\r\n\r\n";
    struct llhttp_read *other = llhttp_read(HTTP_REQUEST, bytes, sizeof(bytes) - 1);

    cr_expect(!other->is_accepted);
    free(other);
}

#else

Test(http_oracle, is_not_here)
{
    cr_log_warn("built without llhttp");
}

#endif
