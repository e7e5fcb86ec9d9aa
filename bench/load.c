/* weir-load: a closed loop of clients on one thread, for what wrk and ab can't do: connections that
 * the server or the client ends, full and resumed TLS handshakes, bodies of any size, 99.9 %.
 * Prints what came of it as one JSON object. The command line, the loop, the figures. */
#include "load_slot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, TICK_MS = 20, HEAD_SIZE = 16384, EXIT_USAGE = 2 };

/* When no answer has come for so long, none is waited for any more. */
static const double STALL_S = 20;

struct options {
    long connections;
    double seconds;
    uint64_t body_bytes;
    const char *target;
    char fields[HEAD_SIZE];
    bool tls, warm;
    FILE *series; /* a line of figures each interval */
    double interval;
};

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: weir-load --to HOST:PORT [--connections N] [--requests N | --seconds S]\n"
            "  --target PATH    /\n"
            "  --header FIELD   one more, repeatable\n"
            "  --body N         POST with a body of N bytes\n"
            "  --once           a connection per request; the server closes it\n"
            "  --close-first    the client does\n"
            "  --tls            with a full handshake a connection\n"
            "  --resume         with a resumed one, except the first of each client\n"
            "  --sources N      clients of N addresses, 127.0.0.1 and those behind it (1)\n"
            "  --warm           a request a client first; then \"warm\", and a line is awaited\n"
            "  --series FILE    a line each half second: seconds, done, failed, no port\n");
    exit(EXIT_USAGE);
}

static void read_address(struct load *load, const char *text)
{
    char host[INET_ADDRSTRLEN] = "";
    const char *colon = strrchr(text, ':');

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        usage();
    memcpy(host, text, (size_t)(colon - text));
    load->server.sin_family = AF_INET;
    load->server.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &load->server.sin_addr) != 1)
        usage();
}

static void add_field(struct options *options, const char *field)
{
    size_t len = strlen(options->fields), room = sizeof(options->fields) - len;

    if ((size_t)snprintf(options->fields + len, room, "%s\r\n", field) >= room)
        usage();
}

/* False: no such option. */
static bool take_option(struct load *load, struct options *options, int option)
{
    switch (option) {
    case 't':
        read_address(load, optarg);
        return true;
    case 'c':
        options->connections = strtol(optarg, NULL, 10);
        return true;
    case 'n':
        load->requests_max = strtoull(optarg, NULL, 10);
        return true;
    case 's':
        options->seconds = strtod(optarg, NULL);
        return true;
    case 'p':
        options->target = optarg;
        return true;
    case 'h':
        add_field(options, optarg);
        return true;
    case 'b':
        options->body_bytes = strtoull(optarg, NULL, 10);
        return true;
    case 'a':
        load->sources = (uint32_t)strtoul(optarg, NULL, 10);
        return true;
    case 'f':
        options->series = fopen(optarg, "we");
        return options->series != NULL;
    default:
        return option == 0; /* one of the flags, which getopt_long has set */
    }
}

static void read_options(struct load *load, struct options *options, int argc, char **argv)
{
    static int once, first, tls, resume, warm;
    static const struct option names[] = {
        {"to", 1, NULL, 't'},      {"connections", 1, NULL, 'c'}, {"requests", 1, NULL, 'n'},
        {"seconds", 1, NULL, 's'}, {"target", 1, NULL, 'p'},      {"header", 1, NULL, 'h'},
        {"body", 1, NULL, 'b'},    {"sources", 1, NULL, 'a'},     {"series", 1, NULL, 'f'},
        {"once", 0, &once, 1},     {"close-first", 0, &first, 1}, {"tls", 0, &tls, 1},
        {"resume", 0, &resume, 1}, {"warm", 0, &warm, 1},         {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!take_option(load, options, option))
            usage();
    }
    load->once = once;
    load->closes_first = first;
    load->resume = resume;
    options->tls = tls;
    options->warm = warm;
    if (load->server.sin_port == 0 || options->connections <= 0 || optind < argc)
        usage();
}

static bool make_request(struct load *load, const struct options *options)
{
    char length[64] = "";
    char head[HEAD_SIZE * 2];
    int len;

    if (options->body_bytes)
        snprintf(length, sizeof(length), "Content-Length: %" PRIu64 "\r\n", options->body_bytes);
    len = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n",
                   options->body_bytes ? "POST" : "GET", options->target, options->fields, length);
    if (len < 0 || (size_t)len >= sizeof(head))
        return false;
    load->request_len = (size_t)len + options->body_bytes;
    load->request = malloc(load->request_len);
    if (!load->request)
        return false;
    memcpy(load->request, head, (size_t)len);
    memset(load->request + len, 'x', options->body_bytes);
    return true;
}

static void write_series(const struct load *load, struct options *options, double since, double now)
{
    static uint64_t done, failed, no_port;
    static double next;

    if (!options->series || now - since < next)
        return;
    fprintf(options->series, "%.3f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now - since,
            load->done - done, load->failed - failed, load->no_port - no_port);
    done = load->done;
    failed = load->failed;
    no_port = load->no_port;
    next += options->interval;
}

/* Clients that rest begin again; returns how many are at work. */
static long wake(struct load *load, struct load_slot *slots, long n, double now)
{
    long busy = 0;

    for (long i = 0; i < n; i++) {
        if (slots[i].phase == LOAD_REST && now >= slots[i].rest_until)
            load_slot_begin(load, &slots[i]);
        busy += slots[i].phase != LOAD_REST && slots[i].phase != LOAD_END;
    }
    return busy;
}

/* Returns how long it took. */
static double run(struct load *load, struct options *options, struct load_slot *slots)
{
    struct epoll_event events[EVENTS_MAX];
    double since = load_now(), now = since, woken = 0, last = since;
    uint64_t settled = 0;
    long busy = 1;

    load->deadline = since + options->seconds;
    while (busy > 0 && now < last + STALL_S) {
        if (now - woken >= TICK_MS / 1e3 || now >= load->deadline ||
            load->started >= load->requests_max) {
            busy = wake(load, slots, options->connections, now);
            woken = now;
            if (now < load->deadline && load->started < load->requests_max)
                busy = 1;
        }
        int n = epoll_wait(load->epoll, events, EVENTS_MAX, busy > 0 ? TICK_MS : 0);
        for (int i = 0; i < n; i++)
            load_slot_on_event(load, events[i].data.ptr);
        now = load_now();
        if (load->done + load->failed != settled)
            last = now;
        settled = load->done + load->failed;
        write_series(load, options, since, now);
    }
    return last > load->deadline || load->started >= load->requests_max ? last - since
                                                                        : options->seconds;
}

/* What came of it counts no more. */
static void warm_up(struct load *load, struct options *options, struct load_slot *slots)
{
    uint64_t requests_max = load->requests_max;

    load->is_warming = true;
    load->requests_max = (uint64_t)options->connections;
    run(load, options, slots);
    load->is_warming = false;
    load->requests_max = requests_max;
    load->started = load->done = load->failed = load->connections = load->bytes = 0;
    load->full_handshakes = load->resumed_handshakes = load->no_port = 0;
    puts("warm");
    fflush(stdout);
    (void)getchar();
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static uint32_t percentile(const struct load *load, double part)
{
    size_t n = load->done;
    size_t at = (size_t)ceil(part * (double)n);

    return n == 0 ? 0 : load->latency_us[at > 0 ? at - 1 : 0];
}

static void report(struct load *load, double seconds)
{
    if (load->done)
        qsort(load->latency_us, load->done, sizeof(*load->latency_us), compare);
    printf("{\"requests\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"seconds\": %.4f, "
           "\"connections\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"no_port\": %" PRIu64 ", "
           "\"full_handshakes\": %" PRIu64 ", \"resumed_handshakes\": %" PRIu64 ", "
           "\"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u}\n",
           load->done, load->failed, seconds, load->connections, load->bytes, load->no_port,
           load->full_handshakes, load->resumed_handshakes, percentile(load, 0.5),
           percentile(load, 0.99), percentile(load, 0.999));
}

static void raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

static _Noreturn void fail(void)
{
    fprintf(stderr, "weir-load: %s\n", strerror(errno));
    exit(1);
}

int main(int argc, char **argv)
{
    static struct load load = {.requests_max = UINT64_MAX};
    static struct options options = {
        .connections = 1, .seconds = 1e9, .target = "/", .interval = 0.5};
    struct load_slot *slots;

    read_options(&load, &options, argc, argv);
    (void)signal(SIGPIPE, SIG_IGN);
    raise_files();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.tls = options.tls ? load_tls_context() : NULL;
    if (load.epoll < 0 || (options.tls && !load.tls) || !make_request(&load, &options))
        fail();
    slots = calloc((size_t)options.connections, sizeof(*slots));
    if (!slots)
        fail();
    for (long i = 0; i < options.connections; i++)
        slots[i].fd = -1;
    if (options.warm)
        warm_up(&load, &options, slots);
    report(&load, run(&load, &options, slots));
    for (long i = 0; i < options.connections; i++) {
        load_slot_close(&slots[i]);
        SSL_SESSION_free(slots[i].tls.session);
    }
    free(slots);
    free(load.latency_us);
    free(load.request);
    SSL_CTX_free(load.tls);
    close(load.epoll);
    if (options.series)
        fclose(options.series);
    return 0;
}
