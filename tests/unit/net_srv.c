/* SRV answers, right and hostile. */
#include "weir/base/random.h"
#include "weir/net/srv.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 8, FLIPS = 200000 };

/* Header: an answer with one question and these many records. */
#define HEADER(n) "\x12\x34\x81\x80\x00\x01\x00" n "\x00\x00\x00\x00"
/* s.t, SRV, IN; it stands at 12. */
#define QUESTION "\x01s\x01t\x00\x00\x21\x00\x01"
#define SRV(ttl, length) "\xc0\x0c\x00\x21\x00\x01" ttl "\x00" length
#define CNAME(ttl, length) "\xc0\x0c\x00\x05\x00\x01" ttl "\x00" length
#define TTL(n) "\x00\x00\x00" n

struct row {
    const char *what;
    const char *data;
    size_t len;
    bool is_valid;
    size_t n;
    uint64_t ttl_s;
    const char *target; /* the last one's */
    unsigned priority, weight, port;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct row rows[] = {
    {"one",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x0a") "\x00\x01\x00\x02\x00\x50\x01"
                                                            "A\xc0\x0e"),
     true, 1, 5, "a.t", 1, 2, 80},
    {"two, the lesser TTL",
     BYTES(HEADER("\x02") QUESTION SRV(
         TTL("\x09"), "\x09") "\x00\x01\x00\x02\x00\x50\x01"
                              "b\x00" SRV(TTL("\x07"), "\x09") "\xff\xff\x00\x00\x1f\x90\x01"
                                                               "c\x00"),
     true, 2, 7, "c", 65535, 0, 8080},
    {"an alias, whose TTL counts",
     BYTES(HEADER("\x02") QUESTION CNAME(TTL("\x03"), "\x03") "\x01x\x00" SRV(
         TTL("\x07"), "\x09") "\x00\x01\x00\x02\x00\x50\x01"
                              "b\x00"),
     true, 1, 3, "b", 1, 2, 80},
    {"a TTL with its first bit set is 0",
     BYTES(HEADER("\x01") QUESTION SRV("\x80\x00\x00\x01", "\x09") "\x00\x01\x00\x02\x00\x50\x01"
                                                                   "b\x00"),
     true, 1, 0, "b", 1, 2, 80},
    {"no such service: the root",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x07") "\x00\x01\x00\x02\x00\x50\x00"), true,
     0, 5, NULL, 0, 0, 0},
    {"port 0",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x09") "\x00\x01\x00\x02\x00\x00\x01"
                                                            "b\x00"),
     true, 0, 5, NULL, 0, 0, 0},
    {"what is no host name",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x09") "\x00\x01\x00\x02\x00\x50\x01"
                                                            "/\x00"),
     true, 0, 5, NULL, 0, 0, 0},
    {"another type is passed over",
     BYTES(HEADER("\x01") QUESTION "\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x01\x00\x02\x01x"), true,
     0, 0x7fffffff, NULL, 0, 0, 0},
    {"no records", BYTES(HEADER("\x00") QUESTION), true, 0, 0x7fffffff, NULL, 0, 0, 0},
    {"nothing", BYTES(""), false, 0, 0, NULL, 0, 0, 0},
    {"a question, not an answer",
     BYTES("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION), false, 0, 0, NULL, 0, 0,
     0},
    {"records that are not there", BYTES(HEADER("\x01") QUESTION), false, 0, 0, NULL, 0, 0, 0},
    {"data beyond the end",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x0a") "\x00\x01\x00\x02\x00\x50\x01"
                                                            "b\x00"),
     false, 0, 0, NULL, 0, 0, 0},
    {"data without a target",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x06") "\x00\x01\x00\x02\x00\x50"), false, 0,
     0, NULL, 0, 0, 0},
    {"a target that ends before its data",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x0a") "\x00\x01\x00\x02\x00\x50\x01"
                                                            "b\x00\x00"),
     false, 0, 0, NULL, 0, 0, 0},
    {"a pointer to itself",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x08") "\x00\x01\x00\x02\x00\x50\xc0\x27"),
     false, 0, 0, NULL, 0, 0, 0},
    {"a pointer to before itself, and to itself again",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x0a") "\x00\x01\x00\x02\x00\x50\x01"
                                                            "b\xc0\x27"),
     false, 0, 0, NULL, 0, 0, 0},
    {"a pointer ahead",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x08") "\x00\x01\x00\x02\x00\x50\xc0\xff"),
     false, 0, 0, NULL, 0, 0, 0},
    {"a label of a kind that there isn't",
     BYTES(HEADER("\x01") QUESTION SRV(TTL("\x05"), "\x09") "\x00\x01\x00\x02\x00\x50\x41"
                                                            "b\x00"),
     false, 0, 0, NULL, 0, 0, 0},
};

/* Copied to the heap, whose end is guarded. */
static bool parse(const char *data, size_t len, struct weir_srv *records, size_t *n,
                  uint64_t *ttl_s)
{
    uint8_t *message = malloc(len + (len == 0));
    bool done;

    cr_assert_not_null(message);
    memcpy(message, data, len);
    done = weir_srv_parse(message, len, records, RECORDS_MAX, n, ttl_s);
    free(message);
    return done;
}

Test(net_srv, answers)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *row = &rows[i];
        struct weir_srv records[RECORDS_MAX];
        uint64_t ttl_s;
        size_t n;

        cr_expect_eq(parse(row->data, row->len, records, &n, &ttl_s), row->is_valid, "%s",
                     row->what);
        if (!row->is_valid)
            continue;
        cr_expect_eq(n, row->n, "%s: %zu", row->what, n);
        cr_expect_eq(ttl_s, row->ttl_s, "%s: %llu", row->what, (unsigned long long)ttl_s);
        if (n == 0 || n != row->n)
            continue;
        cr_expect_str_eq(records[n - 1].target, row->target, "%s", row->what);
        cr_expect(records[n - 1].priority == row->priority &&
                      records[n - 1].weight == row->weight && records[n - 1].port == row->port,
                  "%s", row->what);
    }
}

Test(net_srv, no_answer_cut_short_is_valid)
{
    const struct row *row = &rows[1];
    struct weir_srv records[RECORDS_MAX];
    uint64_t ttl_s;
    size_t n;

    for (size_t len = 0; len < row->len; len++)
        cr_expect_not(parse(row->data, len, records, &n, &ttl_s), "%zu bytes", len);
}

/* Whatever the bytes are, nothing beyond them is read, and what comes out is within its bounds. */
Test(net_srv, bytes_at_random)
{
    uint32_t random = 2463534242u;
    struct weir_srv records[RECORDS_MAX];
    uint64_t ttl_s;
    size_t n;

    for (int i = 0; i < FLIPS; i++) {
        const struct row *row = &rows[weir_random_below(&random, sizeof(rows) / sizeof(*rows))];
        char data[256];
        memcpy(data, row->data, row->len);
        for (int flips = 0; row->len > 0 && flips < 1 + i % 4; flips++)
            data[weir_random_below(&random, row->len)] = (char)weir_random_next(&random);
        if (!parse(data, row->len, records, &n, &ttl_s))
            continue;
        cr_assert_leq(n, RECORDS_MAX);
        for (size_t k = 0; k < n; k++)
            cr_assert(strlen(records[k].target) > 0 && records[k].port > 0);
    }
}

/* The largest message there is, of nothing but pointers to the longest name: the time it takes is
 * that of its records. */
Test(net_srv, the_longest_names_cost_little)
{
    size_t len = 65535, at = 12;
    uint8_t *message = calloc(1, len);
    struct weir_srv records[RECORDS_MAX];
    uint64_t ttl_s;
    size_t n;

    cr_assert_not_null(message);
    memcpy(message, "\x12\x34\x81\x80\x00\x01\xff\xff", 8);
    while (at < 12 + 254) {
        message[at] = 1;
        message[at + 1] = 'x';
        at += 2;
    }
    at += 5;
    for (; at + 20 < len; at += 20)
        memcpy(message + at,
               "\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x05\x00\x08"
               "\x00\x01\x00\x02\x00\x50\xc0\x0c",
               20);
    cr_expect_not(weir_srv_parse(message, len, records, RECORDS_MAX, &n, &ttl_s));
    cr_expect_eq(n, RECORDS_MAX);
    cr_expect_eq(strlen(records[0].target), 253);
    /* One label more is too long for a name. */
    memcpy(message + 12 + 254, "\x01x", 2);
    cr_expect_not(weir_srv_parse(message, len, records, RECORDS_MAX, &n, &ttl_s));
    cr_expect_eq(n, 0);
    free(message);
}
