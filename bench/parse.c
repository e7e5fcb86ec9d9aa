/* weir-bench-parse: how long a request head takes weir's own parser and what it makes of it, and
 * how long it takes llhttp, side by side (docs/decisions/0001-own-head-parser.md).
 *
 * llhttp runs twice: with callbacks that keep what weir keeps, the place of each name and value,
 * and with none, which is the least that it can take. Rounds alternate; times are the thread's CPU
 * time, so that other programs disturb them less; what is printed is the median round. */
#include "weir/http/message.h"

#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 31, HEADS_A_ROUND = 20000, FIELDS_MAX = 100 };

static const char curl[] = "GET / HTTP/1.1\r\n"
                           "Host: localhost:8080\r\n"
                           "User-Agent: curl/7.88.1\r\n"
                           "Accept: */*\r\n"
                           "\r\n";

static const char browser[] =
    "GET /shop/articles/4711?sort=price&page=3&utm_source=newsletter HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    "\r\n"
    "Accept-Language: de-DE,de;q=0.8,en-US;q=0.5,en;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/shop/articles?sort=price&page=2\r\n"
    "DNT: 1\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; "
    "consent=eyJhbmFseXRpY3MiOnRydWUsIm1hcmtldGluZyI6ZmFsc2V9; _ga=GA1.2.1234567890.1700000000; "
    "cart=3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d; theme=dark\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "If-Modified-Since: Tue, 05 Nov 2024 10:00:00 GMT\r\n"
    "If-None-Match: \"5f2b-61a2b3c4d5e6f\"\r\n"
    "Priority: u=0, i\r\n"
    "\r\n";

/* What llhttp's callbacks keep. */
struct kept {
    const char *base;
    struct weir_span target, names[FIELDS_MAX], values[FIELDS_MAX];
    unsigned n;
};

static void extend(struct weir_span *span, const char *base, const char *at, size_t len)
{
    if (span->len == 0)
        span->at = (uint32_t)(at - base);
    span->len += (uint32_t)len;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct kept *kept = parser->data;

    extend(&kept->target, kept->base, at, len);
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct kept *kept = parser->data;

    extend(&kept->names[kept->n], kept->base, at, len);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct kept *kept = parser->data;

    extend(&kept->values[kept->n], kept->base, at, len);
    return 0;
}

static int on_value_end(llhttp_t *parser)
{
    struct kept *kept = parser->data;

    if (++kept->n == FIELDS_MAX)
        return -1;
    kept->names[kept->n].len = kept->values[kept->n].len = 0;
    return 0;
}

/* Each of these reads one head once and returns something of what it found. */

static size_t read_with_weir(const char *bytes, size_t len)
{
    static const struct weir_head_limits limits = {.bytes_max = 32768, .fields_max = FIELDS_MAX};
    static struct weir_head head;
    struct weir_request request;

    weir_head_init(&head, WEIR_HEAD_REQUEST);
    if (weir_head_parse(&head, bytes, len, &limits) || !head.complete ||
        weir_request_read(&request, &head, bytes))
        abort();
    return head.n_fields + request.authority.len;
}

static size_t run_llhttp(const llhttp_settings_t *settings, struct kept *kept, const char *bytes,
                         size_t len)
{
    llhttp_t parser;

    llhttp_init(&parser, HTTP_REQUEST, settings);
    parser.data = kept;
    if (llhttp_execute(&parser, bytes, len) != HPE_OK)
        abort();
    return parser.http_minor;
}

static size_t read_with_llhttp(const char *bytes, size_t len)
{
    static llhttp_settings_t settings;
    static struct kept kept;

    if (!settings.on_url) {
        llhttp_settings_init(&settings);
        settings.on_url = on_url;
        settings.on_header_field = on_name;
        settings.on_header_value = on_value;
        settings.on_header_value_complete = on_value_end;
    }
    kept.base = bytes;
    kept.n = 0;
    kept.target.len = kept.names[0].len = kept.values[0].len = 0;
    return run_llhttp(&settings, &kept, bytes, len) + kept.n;
}

static size_t read_with_bare_llhttp(const char *bytes, size_t len)
{
    static const llhttp_settings_t settings;

    return run_llhttp(&settings, NULL, bytes, len);
}

enum { READERS = 3 };

static size_t (*const readers[READERS])(const char *, size_t) = {read_with_weir, read_with_llhttp,
                                                                 read_with_bare_llhttp};

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *name, const char *bytes, size_t len)
{
    static double ns[READERS][ROUNDS];
    static volatile size_t sink;

    for (int round = -1; round < ROUNDS; round++) {
        for (int reader = 0; reader < READERS; reader++) {
            double start = now_ns();
            size_t sum = 0;
            for (int i = 0; i < HEADS_A_ROUND; i++)
                sum += readers[reader](bytes, len);
            sink += sum;
            if (round >= 0) /* the first one only warms up */
                ns[reader][round] = (now_ns() - start) / HEADS_A_ROUND;
        }
    }
    for (int reader = 0; reader < READERS; reader++)
        qsort(ns[reader], ROUNDS, sizeof(double), compare);
    double weir = ns[0][ROUNDS / 2], llhttp = ns[1][ROUNDS / 2], bare = ns[2][ROUNDS / 2];
    printf("%-8s %5zu bytes  weir %6.0f ns (%.0f to %.0f)  llhttp %6.0f ns (%.0f to %.0f)  "
           "llhttp without callbacks %6.0f ns  weir/llhttp %.2f  weir/without %.2f\n",
           name, len, weir, ns[0][0], ns[0][ROUNDS - 1], llhttp, ns[1][0], ns[1][ROUNDS - 1], bare,
           weir / llhttp, weir / bare);
}

int main(void)
{
    printf("llhttp %d.%d.%d, %d rounds of %d heads; the least and the most in brackets\n",
           LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH, ROUNDS, HEADS_A_ROUND);
    measure("curl", curl, sizeof(curl) - 1);
    measure("browser", browser, sizeof(browser) - 1);
    return 0;
}
