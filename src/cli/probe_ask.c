#include "probe_ask.h"

#include "probe_watch.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    QUIET_MS_MIN = 1000,
    HEAD_PAUSE_MS = 100,
    END_PAUSE_MS = 500,
    FREE_MS = 200,
    COMPANY_MAX = 16
};
/* Those that the watch needs: what stands before it leaves them alone. */
enum { CONNECTIONS_OF_WATCH = WEIR_PROBE_KEPT + WEIR_PROBE_FRESH };

struct asker {
    const struct weir_probe_plan *plan;
    struct weir_probe_seen *seen;
    uint64_t until_us; /* the end of it all */
    uint64_t quiet_us; /* who has not answered by then does not */
    char get[1024], get_kept[1024], head[1024], expect[1024];
    uint64_t connect_us[WEIR_PROBE_CONNECTIONS_MAX];
};

static uint64_t soon(const struct asker *asker, uint64_t us)
{
    uint64_t moment = weir_probe_now_us() + us;

    return moment < asker->until_us ? moment : asker->until_us;
}

static bool is_over(const struct asker *asker)
{
    return weir_probe_now_us() >= asker->until_us;
}

/* Opens a connection, within the plan's number of them. NULL: it can't be had. *error is -errno. */
static struct weir_probe_conn *open_one(struct asker *asker, int *error)
{
    struct weir_probe_conn *conn;

    *error = 0;
    if (asker->seen->n_connects == asker->plan->connections || is_over(asker))
        return NULL;
    conn = malloc(sizeof(*conn));
    if (!conn)
        return NULL;
    *error = weir_probe_open(conn, &asker->plan->address, asker->plan->tls, soon(asker, 5000000));
    if (*error) {
        free(conn);
        return NULL;
    }
    asker->connect_us[asker->seen->n_connects++] = conn->connect_us;
    return conn;
}

static void close_one(struct weir_probe_conn *conn)
{
    if (conn)
        weir_probe_close(conn);
    free(conn);
}

/* Has something come, or the end, within so long? */
static bool stirs(const struct weir_probe_conn *conn, int ms)
{
    struct pollfd wait = {.fd = conn->fd, .events = POLLIN};

    return poll(&wait, 1, ms) > 0;
}

static const char *describe(const struct weir_probe_answer *answer)
{
    switch (answer->outcome) {
    case WEIR_PROBE_CLOSED:
        return answer->has_begun ? "it closed in the middle of its answer"
                                 : "it closed without an answer";
    case WEIR_PROBE_RESET:
        return answer->has_begun ? "it reset the connection in the middle of its answer"
                                 : "it reset the connection instead of an answer";
    case WEIR_PROBE_SILENT:
        return answer->has_begun ? "its answer did not end in time" : "it did not answer in time";
    case WEIR_PROBE_TOO_LARGE:
        return "its answer is too large to ask for it again and again; choose another path";
    case WEIR_PROBE_BROKEN:
        return "its answer is not HTTP/1.x as weir takes it; weir would answer 502 (HTTPS, "
               "perhaps?)";
    default:
        return "";
    }
}

/* What an answer says about the connection that has carried SEEN->requests now. */
static void note_announced(struct weir_probe_seen *seen, const struct weir_probe_answer *answer)
{
    bool is_new = seen->announced_ms == 0 && seen->announced_requests == 0;

    if (answer->timeout_ms)
        seen->announced_ms = answer->timeout_ms;
    if (answer->requests_more < UINT64_MAX - seen->requests && seen->announced_requests == 0)
        seen->announced_requests = answer->requests_more + seen->requests;
    if (is_new && seen->requests > 1)
        seen->is_announced_if_asked = seen->announced_ms > 0 || seen->announced_requests > 0;
}

/* The first connection: one request, then as many more as it takes. */
static bool ask_first(struct asker *asker, char *fault, size_t size)
{
    struct weir_probe_seen *seen = asker->seen;
    struct weir_probe_answer answer;
    int error;
    struct weir_probe_conn *conn = open_one(asker, &error);
    uint64_t budget_us = asker->plan->patience_ms * 1000 / 4;

    if (!conn) {
        const struct weir_probe_tls *tls = asker->plan->tls;
        const char *why = tls ? tls->fault : NULL;
        snprintf(fault, size, "%s%s",
                 !why                ? ""
                 : tls->is_untrusted ? "the certificate is not accepted: "
                                     : "TLS: ",
                 why     ? why
                 : error ? strerror(-error)
                         : "out of memory");
        return false;
    }
    weir_probe_ask(conn, asker->get, WEIR_METHOD_GET, soon(asker, 2 * budget_us), &seen->first);
    if (seen->first.outcome != WEIR_PROBE_ANSWERED) {
        snprintf(fault, size, "%s", describe(&seen->first));
        close_one(conn);
        return false;
    }
    uint64_t quiet_us = seen->first.first_byte_us * 20;
    uint64_t least_us = (uint64_t)QUIET_MS_MIN * 1000, end_us = soon(asker, budget_us);
    asker->quiet_us = quiet_us < least_us ? least_us : quiet_us > budget_us ? budget_us : quiet_us;
    answer = seen->first;
    for (seen->requests = 1;; seen->requests++) {
        seen->has_left |= answer.has_left;
        note_announced(seen, &answer);
        if (!answer.is_keep_alive || answer.has_left || answer.is_ended ||
            seen->requests == seen->requests_max || weir_probe_now_us() >= end_us)
            break;
        weir_probe_ask(conn, seen->requests == 1 ? asker->get_kept : asker->get, WEIR_METHOD_GET,
                       soon(asker, asker->quiet_us), &answer);
        if (answer.outcome != WEIR_PROBE_ANSWERED)
            break;
    }
    seen->requests_end = answer.outcome == WEIR_PROBE_ANSWERED
                             ? (answer.is_keep_alive ? WEIR_PROBE_END_NONE
                                                     : WEIR_PROBE_END_ANNOUNCED)
                         : answer.outcome == WEIR_PROBE_CLOSED ? WEIR_PROBE_END_FIN
                         : answer.outcome == WEIR_PROBE_RESET  ? WEIR_PROBE_END_RESET
                                                               : WEIR_PROBE_END_SILENT;
    close_one(conn);
    return true;
}

/* A server that closes while the next request is on its way answers that with a reset of the
 * kernel's making. So the same number of requests again, and then nothing: what comes now is its
 * own. */
static void confirm_reset(struct asker *asker)
{
    struct weir_probe_seen *seen = asker->seen;
    struct weir_probe_answer answer = {.outcome = WEIR_PROBE_ANSWERED};
    int error;
    struct weir_probe_conn *conn = open_one(asker, &error);
    char byte;

    for (unsigned i = 0; conn && i < seen->requests && answer.outcome == WEIR_PROBE_ANSWERED; i++)
        weir_probe_ask(conn, asker->get, WEIR_METHOD_GET, soon(asker, asker->quiet_us), &answer);
    if (conn && answer.outcome == WEIR_PROBE_ANSWERED && stirs(conn, END_PAUSE_MS) &&
        weir_probe_take(conn, &byte, 1, true) == 0)
        seen->requests_end = WEIR_PROBE_END_FIN;
    close_one(conn);
}

/* HEAD, and whether the connection is fit for the next request behind it. */
static void ask_head(struct asker *asker)
{
    struct weir_probe_seen *seen = asker->seen;
    struct weir_probe_answer answer, next = {.outcome = WEIR_PROBE_ANSWERED};
    int error;
    struct weir_probe_conn *conn = open_one(asker, &error);
    bool has_body;

    if (!conn)
        return;
    weir_probe_ask(conn, asker->head, WEIR_METHOD_HEAD, soon(asker, asker->quiet_us), &answer);
    has_body = answer.has_left;
    if (answer.outcome == WEIR_PROBE_ANSWERED && !has_body && stirs(conn, HEAD_PAUSE_MS)) {
        char byte;
        has_body = weir_probe_take(conn, &byte, 1, true) > 0;
    }
    if (answer.outcome == WEIR_PROBE_ANSWERED && answer.is_keep_alive && !has_body)
        weir_probe_ask(conn, asker->get, WEIR_METHOD_GET, soon(asker, asker->quiet_us), &next);
    has_body |= next.outcome == WEIR_PROBE_BROKEN;
    seen->head_status = answer.status;
    seen->head = is_over(asker)                          ? WEIR_PROBE_HEAD_UNTRIED
                 : answer.outcome != WEIR_PROBE_ANSWERED ? WEIR_PROBE_HEAD_FAILED
                 : has_body                              ? WEIR_PROBE_HEAD_BODY
                 : answer.status != seen->first.status   ? WEIR_PROBE_HEAD_UNLIKE
                                                         : WEIR_PROBE_HEAD_FINE;
    close_one(conn);
}

/* A GET with a body of one byte: safe, whatever the server does with it. */
static void ask_continue(struct asker *asker)
{
    struct weir_probe_seen *seen = asker->seen;
    struct weir_probe_answer answer = WEIR_PROBE_ANSWER_INIT;
    int error;
    struct weir_probe_conn *conn = open_one(asker, &error);

    if (!conn)
        return;
    answer.stops_at_continue = true;
    conn->len = 0;
    weir_probe_send(conn, asker->expect, soon(asker, asker->quiet_us));
    weir_probe_read(conn, WEIR_METHOD_GET, soon(asker, asker->quiet_us), &answer);
    seen->continues = answer.is_continued                     ? WEIR_PROBE_CONTINUE_SENT
                      : answer.outcome == WEIR_PROBE_ANSWERED ? WEIR_PROBE_CONTINUE_FINAL
                                                              : WEIR_PROBE_CONTINUE_FAILED;
    if (answer.is_continued || answer.outcome == WEIR_PROBE_SILENT) {
        bool was_silent = !answer.is_continued;
        answer.stops_at_continue = false;
        weir_probe_send(conn, "x", soon(asker, asker->quiet_us));
        weir_probe_read(conn, WEIR_METHOD_GET, soon(asker, asker->quiet_us), &answer);
        if (answer.outcome == WEIR_PROBE_ANSWERED && was_silent)
            seen->continues = WEIR_PROBE_CONTINUE_IGNORED;
    }
    if (is_over(asker))
        seen->continues = WEIR_PROBE_CONTINUE_UNTRIED;
    seen->continue_status = answer.status;
    close_one(conn);
}

/* Closes those that idle beside, one after the other, until the answer comes. */
static void make_way(struct asker *asker, struct weir_probe_conn *conn,
                     struct weir_probe_conn **idle, struct weir_probe_company *company)
{
    struct weir_probe_answer answer = WEIR_PROBE_ANSWER_INIT;

    company->beside = WEIR_PROBE_BESIDE_NEVER;
    for (unsigned left = company->idle; left-- > 0;) {
        unsigned oldest = company->idle - left - 1;
        close_one(idle[oldest]);
        idle[oldest] = NULL;
        weir_probe_read(conn, WEIR_METHOD_GET,
                        soon(asker, left ? (uint64_t)FREE_MS * 1000 : asker->quiet_us), &answer);
        if (answer.outcome == WEIR_PROBE_ANSWERED) {
            company->beside = WEIR_PROBE_BESIDE_AFTER;
            company->workers = left + 1;
            return;
        }
        if (answer.outcome != WEIR_PROBE_SILENT)
            return;
        if (is_over(asker)) {
            company->beside = WEIR_PROBE_BESIDE_LATE;
            return;
        }
    }
}

/* N connections that idle, at once or after an ANSWER each, and a request beside them. */
static void ask_beside(struct asker *asker, unsigned n, bool after_answer,
                       struct weir_probe_company *company)
{
    struct weir_probe_conn *idle[COMPANY_MAX] = {NULL}, *conn = NULL;
    struct weir_probe_answer answer;
    int error;

    for (unsigned i = 0; i < n; i++) {
        idle[i] = open_one(asker, &error);
        if (!idle[i])
            goto out;
        if (after_answer) {
            weir_probe_ask(idle[i], asker->get, WEIR_METHOD_GET, soon(asker, asker->quiet_us),
                           &answer);
            if (answer.outcome != WEIR_PROBE_ANSWERED || !answer.is_keep_alive)
                goto out;
        }
    }
    conn = open_one(asker, &error);
    if (!conn)
        goto out;
    company->idle = n;
    weir_probe_ask(conn, asker->get, WEIR_METHOD_GET, soon(asker, asker->quiet_us), &answer);
    if (answer.outcome == WEIR_PROBE_ANSWERED)
        company->beside = WEIR_PROBE_BESIDE_ANSWERED;
    else if (answer.outcome == WEIR_PROBE_SILENT)
        make_way(asker, conn, idle, company);
    else
        company->beside = WEIR_PROBE_BESIDE_NEVER;
out:
    for (unsigned i = 0; i < n; i++)
        close_one(idle[i]);
    close_one(conn);
}

static void ask_company(struct asker *asker)
{
    struct weir_probe_seen *seen = asker->seen;
    unsigned left;

    ask_beside(asker, 1, false, &seen->ahead);
    if (weir_probe_keeps(seen))
        ask_beside(asker, 1, true, &seen->kept);
    if (seen->ahead.beside != WEIR_PROBE_BESIDE_ANSWERED)
        return;
    left = asker->plan->connections - seen->n_connects;
    if (left < CONNECTIONS_OF_WATCH + 3)
        return;
    left -= CONNECTIONS_OF_WATCH + 1;
    ask_beside(asker, left < COMPANY_MAX ? left : COMPANY_MAX, false, &seen->ahead_many);
}

/* Opens what is to be watched, and watches. One connection alone where it keeps others waiting. */
static void watch(struct asker *asker)
{
    struct weir_probe_seen *seen = asker->seen;
    struct weir_probe_conn *conns[WEIR_PROBE_KEPT + WEIR_PROBE_FRESH];
    struct weir_probe_answer answer;
    bool is_alone = weir_probe_workers(seen) != 0;
    bool is_slow = seen->first.first_byte_us > asker->plan->patience_ms * 1000 / 60;
    unsigned n_kept = !weir_probe_keeps(seen) ? 0 : is_alone || is_slow ? 1 : WEIR_PROBE_KEPT;
    int error;

    for (; seen->n_idle < n_kept; seen->n_idle++) {
        struct weir_probe_conn *conn = open_one(asker, &error);
        if (!conn)
            break;
        weir_probe_ask(conn, asker->get, WEIR_METHOD_GET, soon(asker, asker->quiet_us), &answer);
        conns[seen->n_idle] = conn;
        if (answer.outcome != WEIR_PROBE_ANSWERED || !answer.is_keep_alive) {
            close_one(conn);
            break;
        }
    }
    for (; !is_alone && seen->n_fresh < WEIR_PROBE_FRESH; seen->n_fresh++) {
        conns[seen->n_idle + seen->n_fresh] = open_one(asker, &error);
        if (!conns[seen->n_idle + seen->n_fresh])
            break;
    }
    weir_probe_watch(conns, seen, asker->until_us);
    for (unsigned i = 0; i < seen->n_idle + seen->n_fresh; i++)
        close_one(conns[i]);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void write_requests(struct asker *asker, const char *path, const char *host)
{
    static const char rest[] = "User-Agent: weir-probe/" WEIR_VERSION "\r\nAccept: */*\r\n";
    const struct {
        char *request;
        const char *method, *more;
    } all[] = {{asker->get, "GET", ""},
               {asker->get_kept, "GET", "Connection: keep-alive\r\n"},
               {asker->head, "HEAD", ""},
               {asker->expect, "GET", "Content-Length: 1\r\nExpect: 100-continue\r\n"}};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        snprintf(all[i].request, sizeof(asker->get), "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n",
                 all[i].method, path, host, rest, all[i].more);
}

bool weir_probe_run(const struct weir_probe_plan *plan, struct weir_probe_seen *seen, char *fault,
                    size_t size)
{
    static struct asker asker;

    asker = (struct asker){.plan = plan, .seen = seen};
    asker.until_us = weir_probe_now_us() + plan->patience_ms * 1000;
    write_requests(&asker, plan->path, plan->host);
    seen->requests_max = WEIR_PROBE_REQUESTS;
    if (!ask_first(&asker, fault, size))
        return false;
    if (seen->requests_end == WEIR_PROBE_END_RESET)
        confirm_reset(&asker);
    ask_head(&asker);
    ask_continue(&asker);
    ask_company(&asker);
    watch(&asker);
    qsort(asker.connect_us, seen->n_connects, sizeof(*asker.connect_us), compare);
    seen->connect_us_min = asker.connect_us[0];
    seen->connect_us_median = asker.connect_us[seen->n_connects / 2];
    seen->connect_us_max = asker.connect_us[seen->n_connects - 1];
    return true;
}
