/* A server some way off that closes idle connections unannounced costs no request: no 502, no POST
 * twice. */
/* ctest: serial */
#include "support/t_ask.h"
#include "support/t_far_origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_MS = 1000,    /* after which the origin closes, */
    ONE_WAY_US = 5000, /* so far away: what goes out in the last 10 ms of that second is too late */
    VISITORS = 250,
    EACH = 8, /* requests of either method that each visitor sends: 2,000 of each in all */
    RANDOM_VISITORS = 400,
    RANDOM_EACH = 5, /* the same */
    IN_STEP_VISITORS = 80,
    IN_STEP_EACH = 4,
    SLOW_ONE_WAY_US = 400000, /* far enough to stop weir while something is under way */
    STACK_BYTES = 256 * 1024,
};

struct visit_plan {
    unsigned one_way_us;
    unsigned visitors, each; /* GETs, and POSTs, after a first GET that opens the connection */
    unsigned gap_us_min, gap_us_max; /* from an answer to the next request on its connection */
    bool in_step; /* all at once, to one pool; else each at a pace and to a pool of its own */
};

static const struct visit_plan near_the_end = {ONE_WAY_US, VISITORS, EACH, 980000, 1010000, false};
static const struct visit_plan at_random = {ONE_WAY_US, RANDOM_VISITORS, RANDOM_EACH,
                                            0,          2000000,         false};
static const struct visit_plan all_at_once = {ONE_WAY_US, IN_STEP_VISITORS, IN_STEP_EACH,
                                              992000,     997000,           true};
static const struct visit_plan by_hand = {.one_way_us = ONE_WAY_US, .visitors = 8};
static const struct visit_plan slowly = {.one_way_us = SLOW_ONE_WAY_US, .visitors = 1, .each = 1};

struct far_away {
    const struct visit_plan *plan;
    struct t_distance distance;
    struct t_far_origin origin;
    struct t_weir weir;
    int64_t started_us;
    bool *is_post; /* by the request's number; each written by its visitor */
    atomic_uint answered, late;
    atomic_flag has_trouble; /* whoever sets it writes: */
    char trouble[512];
};

struct visitor {
    struct far_away *far;
    unsigned number;
    uint64_t random;
    pthread_t thread;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
    struct timespec then = {us / 1000000, us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        continue;
}

/* ---- The visitors ---- */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned per_visitor(const struct visit_plan *plan)
{
    return 1 + 2 * plan->each;
}

static size_t n_requests(const struct visit_plan *plan)
{
    return (size_t)plan->visitors * per_visitor(plan);
}

static size_t id_of(const struct visitor *visitor, unsigned k)
{
    return (size_t)visitor->number * per_visitor(visitor->far->plan) + k;
}

static void note_trouble(struct far_away *far, const char *method, size_t id, const char *got)
{
    if (!atomic_flag_test_and_set(&far->has_trouble))
        snprintf(far->trouble, sizeof(far->trouble), "%s %zu: \"%.300s\"", method, id, got);
}

/* One request on a connection to weir of its own, to the end of the answer. Is it the right one? */
static bool ask(struct visitor *visitor, const char *method, size_t id)
{
    struct far_away *far = visitor->far;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)far->weir.port)};
    struct timeval limit = {t_timeout_ms() / 1000, 0};
    char request[256], want[32], got[1024] = "";
    size_t got_len = 0;
    ssize_t n = 0;

    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int want_len = snprintf(want, sizeof(want), "\r\n\r\n%zu", id);
    int len = snprintf(request, sizeof(request),
                       "%s /%u/ HTTP/1.1\r\nHost: far\r\nConnection: close\r\nX-Id: %zu\r\n%s",
                       method, far->plan->in_step ? 0 : visitor->number, id,
                       *method == 'P' ? "Content-Length: 4\r\n\r\nbody" : "\r\n");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        send(fd, request, (size_t)len, MSG_NOSIGNAL) == len) {
        while (got_len < sizeof(got) - 1 &&
               (n = recv(fd, got + got_len, sizeof(got) - 1 - got_len, 0)) > 0)
            got_len += (size_t)n;
    }
    close(fd);
    got[got_len] = '\0';
    bool right = strncmp(got, "HTTP/1.1 200 ", 13) == 0 && got_len >= (size_t)want_len &&
                 strcmp(got + got_len - want_len, want) == 0;
    if (!right)
        note_trouble(far, method, id, got);
    return right;
}

/* As many of either, in any order. */
static void shuffle_methods(struct visitor *visitor, const char **methods)
{
    unsigned n = 2 * visitor->far->plan->each;
    for (unsigned i = 0; i < n; i++)
        methods[i] = i % 2 ? "POST" : "GET";
    for (unsigned i = n - 1; i > 0; i--) {
        unsigned other = (unsigned)(next_random(&visitor->random) % (i + 1));
        const char *method = methods[i];
        methods[i] = methods[other];
        methods[other] = method;
    }
}

static void *visit(void *user)
{
    struct visitor *visitor = user;
    struct far_away *far = visitor->far;
    const struct visit_plan *plan = far->plan;
    const char *methods[64];
    uint64_t steps = (uint64_t)far->started_us; /* the same for all */
    int64_t at_us = far->started_us;

    shuffle_methods(visitor, methods);
    if (!plan->in_step)
        at_us += IDLE_MS * 1000ll * visitor->number / plan->visitors;
    for (unsigned k = 0; k < per_visitor(plan); k++) {
        sleep_until(at_us);
        if (now_us() > at_us + 2000)
            atomic_fetch_add(&far->late, 1);
        far->is_post[id_of(visitor, k)] = k > 0 && *methods[k - 1] == 'P';
        if (ask(visitor, k == 0 ? "GET" : methods[k - 1], id_of(visitor, k)))
            atomic_fetch_add(&far->answered, 1);
        at_us = plan->in_step ? at_us + 2ll * plan->one_way_us : now_us();
        at_us += plan->gap_us_min +
                 (int64_t)(next_random(plan->in_step ? &steps : &visitor->random) %
                           (plan->gap_us_max - plan->gap_us_min));
    }
    return NULL;
}

static void visit_all(struct far_away *far)
{
    struct visitor *visitors = t_alloc(far->plan->visitors * sizeof(*visitors));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    far->started_us = now_us() + 100000;
    for (unsigned i = 0; i < far->plan->visitors; i++) {
        visitors[i] = (struct visitor){
            .far = far, .number = i, .random = (uint64_t)far->started_us + i * 7919};
        if (pthread_create(&visitors[i].thread, &attributes, visit, &visitors[i]) != 0)
            t_fail("cannot start %u threads", far->plan->visitors);
    }
    for (unsigned i = 0; i < far->plan->visitors; i++)
        pthread_join(visitors[i].thread, NULL);
}

/* ---- The place ---- */

/* A pool is a set of connections of which the youngest is used next, so the pace of a visitor is
 * that of an upstream connection only where he has the pool to himself: each has one, by his path.
 */
static char *pools_of(const struct visit_plan *plan, int port, bool routes)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (unsigned i = 0; i < (plan->in_step ? 1 : plan->visitors); i++) {
        if (routes)
            fprintf(out, "      - {path: /%u/, pool: p%u}\n", i, i);
        else
            fprintf(out,
                    "  p%u: {servers: [{address: \"" T_FAR_HOST
                    ":%d\"}], timeouts: {connect: 1h}}\n",
                    i, port);
    }
    fclose(out);
    return text;
}

static void open_far(struct far_away *far, const struct visit_plan *plan)
{
    far->plan = plan;
    atomic_flag_clear(&far->has_trouble);
    const char *refused = t_distance_open(&far->distance, plan->one_way_us);
    if (refused) {
        fprintf(stderr, "the whole suite is skipped: %s\n", refused); /* ctest reads this */
        cr_skip_test("%s", refused);
    }
    far->is_post = t_alloc(n_requests(plan) * sizeof(bool));
    t_far_origin_start(&far->origin, &far->distance, IDLE_MS, n_requests(plan));
    char *routes = pools_of(plan, far->origin.port, true);
    char *pools = pools_of(plan, far->origin.port, false);
    t_weir_start(&far->weir,
                 "workers: 2\n"
                 "log: {to: stderr, level: info}\n"
                 "admin: {listen: \"127.0.0.1:@admin@\"}\n"
                 "listeners:\n"
                 "  web:\n"
                 "    listen: [\"127.0.0.1:@port@\"]\n"
                 "    pool: null\n"
                 "    routes:\n%s"
                 "pools:\n%s",
                 routes, pools);
    free(routes);
    free(pools);
}

static void close_far(struct far_away *far)
{
    t_weir_end(&far->weir);
    t_far_origin_stop(&far->origin);
    t_distance_close(&far->distance);
}

/* ---- What came of it ---- */

struct sums {
    int64_t requests, retried, reused, races, on_evidence, races_failed, learned_idle, by_server;
    int64_t learned; /* pools that know the time-out, as well as a busy machine can tell */
};

static int64_t number_at(json_t *pool, const char *path)
{
    return json_integer_value(t_stats_find(pool, path));
}

static struct sums sum_up(struct far_away *far)
{
    struct sums sums = {.requests = 0};
    const char *name, *server_name;
    json_t *pools = t_stats_find(t_stats(&far->weir), "pools"), *pool, *server;
    json_object_foreach(pools, name, pool)
    {
        sums.requests += number_at(pool, "requests/total");
        sums.retried += number_at(pool, "requests/retried");
        sums.reused += number_at(pool, "connections/reused");
        sums.races += number_at(pool, "races/seen");
        sums.on_evidence += number_at(pool, "races/retried_on_evidence");
        sums.races_failed += number_at(pool, "races/failed");
        sums.learned_idle += number_at(pool, "connections/closed/learned_idle");
        sums.by_server += number_at(pool, "connections/closed/by_server_idle");
        json_t *servers = json_object_get(pool, "servers");
        json_object_foreach(servers, server_name, server)
        {
            const char *from = json_string_value(t_stats_find(server, "keep_alive/learned_from"));
            int64_t ms = number_at(server, "keep_alive/idle_timeout_ms");
            sums.learned += from && strcmp(from, "observation") == 0 && ms > IDLE_MS - 200 &&
                            ms < IDLE_MS + 200;
        }
    }
    return sums;
}

static struct sums show(struct far_away *far, const char *title)
{
    struct sums sums = sum_up(far);
    fprintf(stderr,
            "%s: %" PRId64 " requests, %u sent more than 2 ms late; reused %" PRId64
            ", races %" PRId64 " (on evidence %" PRId64 ", failed %" PRId64 "), retried %" PRId64
            "; closed: learned_idle %" PRId64 ", by_server_idle %" PRId64 "; %" PRId64
            " pools have learned; the origin closed %u of %u; its kernel: data after close %" PRId64
            ", close over data %" PRId64 "\n",
            title, sums.requests, atomic_load(&far->late), sums.reused, sums.races,
            sums.on_evidence, sums.races_failed, sums.retried, sums.learned_idle, sums.by_server,
            sums.learned, atomic_load(&far->origin.shared.closed_idle),
            atomic_load(&far->origin.shared.connections),
            t_distance_figure(&far->distance, "TCPAbortOnData"),
            t_distance_figure(&far->distance, "TCPAbortOnClose"));
    return sums;
}

/* Every request was answered with 200 and by its own answer, no POST was executed twice or not at
 * all, no GET not at all. But for what the origin's kernel says it had taken in, acknowledged, and
 * thrown away when the origin closed: a reset is all that comes of it, which may mean anything, so
 * a POST must not be sent again. It takes a request that comes between the origin's last look and
 * its close: one in several runs. */
static void assert_served(struct far_away *far, const struct sums *sums)
{
    int64_t thrown_away = t_distance_figure(&far->distance, "TCPAbortOnClose");
    unsigned posts = 0, never = 0, twice = 0;
    for (size_t id = 0; id < n_requests(far->plan); id++) {
        unsigned times = atomic_load(&far->origin.executed[id]);
        posts += far->is_post[id];
        never += times == 0;
        twice += far->is_post[id] && times > 1;
    }
    t_assert_number("POSTs sent", posts, far->plan->visitors * far->plan->each);
    t_assert_number("POSTs executed twice", twice, 0);
    if (atomic_load(&far->answered) + (size_t)thrown_away < n_requests(far->plan))
        t_fail("%u of %zu requests were answered right; the first that was not: %s",
               atomic_load(&far->answered), n_requests(far->plan), far->trouble);
    cr_assert_leq(never, thrown_away, "%u requests were never executed", never);
    cr_assert_leq(sums->races_failed, thrown_away, "%d races lost", (int)sums->races_failed);
    cr_assert_leq(thrown_away, n_requests(far->plan) / 100, "the origin closed over %d requests",
                  (int)thrown_away);
}

/* Were most requests sent when their time had come? Else little can be said of what was met. */
static bool is_in_time(struct far_away *far)
{
    return atomic_load(&far->late) <= n_requests(far->plan) / 10;
}

static void visit_and_assert(struct far_away *far, const struct visit_plan *plan, const char *title,
                             struct sums *sums)
{
    open_far(far, plan);
    visit_all(far);
    *sums = show(far, title);
    assert_served(far, sums);
}

/* A third of these gaps end after the origin has closed and before weir can know. Each pool meets
 * that anew, until it has learned. */
Test(keep_alive_distance, requests_just_before_the_end)
{
    static struct far_away far;
    struct sums sums;
    visit_and_assert(&far, &near_the_end, "0.98 to 1.01 s", &sums);
    if (is_in_time(&far)) {
        cr_assert_gt(sums.races, 0, "nothing was tested");
        cr_assert_gt(sums.on_evidence, 0, "no POST met a closed connection");
        cr_assert_gt(sums.reused, 0);
        cr_assert_gt(sums.learned_idle, 0);
        cr_assert_geq(sums.learned, VISITORS * 9 / 10);
    }
    close_far(&far);
}

Test(keep_alive_distance, requests_at_random_gaps)
{
    static struct far_away far;
    struct sums sums;
    visit_and_assert(&far, &at_random, "0 to 2 s", &sums);
    /* The share of gaps for which a POST may use what is idle, and that of a GET, are 0.38 and
     * 0.44. */
    if (is_in_time(&far)) {
        cr_assert_gt(sums.reused, sums.requests / 4);
        cr_assert_gt(sums.learned_idle, 0);
        cr_assert_gt(sums.by_server, 0);
    }
    close_far(&far);
}

/* One pool, and all its connections end at one moment, under requests: more than any budget of
 * retries would allow. */
Test(keep_alive_distance, a_crowd_in_one_pool)
{
    static struct far_away far;
    struct sums sums;
    visit_and_assert(&far, &all_at_once, "all at once", &sums);
    if (is_in_time(&far)) {
        cr_assert_gt(sums.reused, 0);
        cr_assert_gt(sums.learned_idle, 0);
        t_assert_number("pools that have learned", sums.learned, 1);
    }
    close_far(&far);
}

static char *of_pool(unsigned pool, const char *path)
{
    return t_text("pools/p%u/%s", pool, path);
}

/* What two closes teach the pool's server. */
static int64_t learn_by_hand(struct far_away *far, unsigned pool)
{
    for (int i = 1; i <= 2; i++) {
        t_one_shot(&far->weir, t_text("/%u/", pool));
        t_stats_await(&far->weir, of_pool(pool, "connections/closed/by_server_idle"), i);
    }
    return t_stats_number(
        &far->weir, of_pool(pool, t_text("servers/" T_FAR_HOST ":%d/keep_alive/idle_timeout_ms",
                                         far->origin.port)));
}

/* Until so many connections have ended, by either side. Returns how many of them weir has left. */
static unsigned await_end(struct far_away *far, unsigned pool, int n)
{
    int64_t deadline_ms = t_deadline_ms(), left, ended;

    do {
        cr_assert(t_left_ms(deadline_ms), "not %d connections end", n);
        json_t *closed = t_stats_find(t_stats(&far->weir), of_pool(pool, "connections/closed"));
        left = number_at(closed, "learned_idle");
        ended = left + number_at(closed, "by_server_idle");
    } while (ended < n);
    return (unsigned)left;
}

/* Two closes teach, and weir leaves earlier by the two round trips that the news and a request
 * would take: what it says when it leaves is half a round trip under way, as was the answer after
 * which the origin began to count. A busy machine makes either late now and then, and so there are
 * several pools and several times. */
Test(keep_alive_distance, the_round_trip_is_in_the_margin)
{
    static struct far_away far;
    const int64_t round_trip_ms = 2 * ONE_WAY_US / 1000;
    int64_t learned_ms = 0;
    unsigned pool = 0;
    open_far(&far, &by_hand);
    for (; pool < by_hand.visitors; pool++) {
        learned_ms = learn_by_hand(&far, pool);
        if (llabs(learned_ms - IDLE_MS) <= 50)
            break;
    }
    cr_assert_lt(pool, by_hand.visitors, "learned are %d ms at last", (int)learned_ms);

    int64_t without_ms = learned_ms - learned_ms / 10 + round_trip_ms, left_after_ms = INT64_MAX;

    t_far_origin_forget(&far.origin);
    for (int i = 1; i <= 20 && left_after_ms > without_ms - round_trip_ms; i++) {
        t_one_shot(&far.weir, t_text("/%u/", pool));
        unsigned left = await_end(&far, pool, 2 + i);
        int64_t deadline_ms = t_deadline_ms();
        while (atomic_load(&far.origin.shared.left) < left && t_left_ms(deadline_ms))
            t_nap();
        if (left > 0)
            left_after_ms = atomic_load(&far.origin.shared.left_after_ms_min);
    }
    fprintf(stderr,
            "learned %" PRId64 " ms; weir left after %" PRId64 " to %u ms, as the origin saw it\n",
            learned_ms, left_after_ms, atomic_load(&far.origin.shared.left_after_ms_max));
    cr_assert_leq(left_after_ms, without_ms - round_trip_ms);
    cr_assert_geq(left_after_ms, without_ms - 4 * round_trip_ms);
    cr_assert_geq(t_stats_number(&far.weir, of_pool(pool, "latency_ms/connect/p50")),
                  round_trip_ms);
    close_far(&far);
}

/* The server's end and the reset that answers the late request are both there before weir looks:
 * that it had ended first still shows. */
Test(keep_alive_distance, an_end_and_a_reset_seen_at_once)
{
    static struct far_away far;
    open_far(&far, &slowly);
    t_one_shot(&far.weir, "/0/");
    int64_t deadline_ms = t_deadline_ms();
    while (atomic_load(&far.origin.shared.closed_idle) == 0 && t_left_ms(deadline_ms))
        t_nap();
    /* The end is on its way. */
    struct t_conn *client = t_ask(&far.weir, "POST", "/0/", "X-Id: 2\r\nContent-Length: 0\r\n");
    t_stats_await(&far.weir, "pools/p0/connections/reused", 1);
    t_weir_freeze(&far.weir);
    t_assert_number("connections weir sees", t_tcp_count(T_TCP_REMOTE, far.origin.port, T_TCP_ANY),
                    1);
    t_tcp_await(T_TCP_REMOTE, far.origin.port, T_TCP_ANY, 0); /* reset */
    t_assert_number("late requests", t_distance_figure(&far.distance, "TCPAbortOnData"), 1);
    t_weir_thaw(&far.weir);
    t_assert_text(t_await_answer(client, "POST", 200)->body, "2");
    t_assert_number("executed", atomic_load(&far.origin.executed[2]), 1);
    t_stats_assert(&far.weir, "pools/p0/races/retried_on_evidence", 1);
    close_far(&far);
}
