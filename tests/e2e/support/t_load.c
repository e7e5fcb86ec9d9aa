/* Load: threads that each carry one request at a time, with blocking sockets. */
#define T_HARNESS
#include "t_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { READ_PIECE = 64 * 1024, SIZE_MAX_MIXED = 40000, THREADS_MAX = 512 };

/* What all threads share. */
struct load_run {
    const struct t_load *load;
    atomic_uint_fast64_t next;
    pthread_mutex_t mutex; /* guards result */
    struct t_load_result result;
};

/* One thread's. */
struct load_worker {
    struct load_run *run;
    int fd; /* -1: none */
    uint64_t carried;
    char *in;
    size_t in_len;
    size_t in_size;
    struct t_load_result result;
};

/* --- the mixture for weir-origin --- */

static size_t mixed_size(uint64_t id)
{
    return (size_t)(id * 7919 % SIZE_MAX_MIXED);
}

static const char *const mixed_targets[] = {
    "GET /?size=%zu&seed=%" PRIu64,
    "GET /?size=%zu&seed=%" PRIu64 "&framing=chunked&chunk=1000",
    "POST /?echo=1&n=%zu&id=%" PRIu64,
    "POST /?echo=1&n=%zu&id=%" PRIu64,
    "GET /?size=%zu&seed=%" PRIu64 "&framing=close",
    "HEAD /?size=%zu&seed=%" PRIu64,
};
enum { MIXED_POST = 2, MIXED_POST_CHUNKED = 3, MIXED_KINDS = 6 };

static void mixed_make(struct t_load_request *request, bool close, void *user)
{
    (void)user;
    size_t kind = request->id % MIXED_KINDS, size = mixed_size(request->id);
    char target[128], framing[64] = "";
    snprintf(target, sizeof(target), mixed_targets[kind], size, request->id);
    sscanf(target, "%7s", request->method);
    if (kind == MIXED_POST)
        snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", size);
    else if (kind == MIXED_POST_CHUNKED)
        snprintf(framing, sizeof(framing), "Transfer-Encoding: chunked\r\n");
    request->data = malloc(size + 512);
    if (!request->data)
        abort();
    char *end = request->data;
    end += sprintf(end, "%s HTTP/1.1\r\nHost: test\r\nX-Id: %" PRIu64 "\r\n%s%s\r\n", target,
                   request->id, close ? "Connection: close\r\n" : "", framing);
    if (kind == MIXED_POST_CHUNKED && size)
        end += sprintf(end, "%zx\r\n", size);
    if (kind == MIXED_POST || kind == MIXED_POST_CHUNKED) {
        t_pattern_fill(end, size, request->id);
        end += size;
    }
    if (kind == MIXED_POST_CHUNKED)
        end += sprintf(end, "%s0\r\n\r\n", size ? "\r\n" : "");
    request->len = (size_t)(end - request->data);
}

static bool mixed_check(const struct t_load_request *request, const struct t_message *answer,
                        void *user)
{
    (void)user;
    size_t want = strcmp(request->method, "HEAD") == 0 ? 0 : mixed_size(request->id);
    return answer->status == 200 && answer->body_len == want &&
           t_pattern_match(answer->body, want, request->id) == want;
}

/* --- one request --- */

/* Notes what went wrong, if it is the first. */
static void trouble(struct load_worker *worker, const struct t_load_request *request,
                    const char *what)
{
    if (!worker->result.first_trouble[0])
        snprintf(worker->result.first_trouble, sizeof(worker->result.first_trouble),
                 "request %" PRIu64 " (%.7s, number %" PRIu64
                 " on its connection): %s; %zu bytes: \"%.200s\"",
                 request->id, request->method, worker->carried, what, worker->in_len,
                 worker->in_len ? t_escape(worker->in, worker->in_len < 150 ? worker->in_len : 150)
                                : "");
}

static void disconnect(struct load_worker *worker)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (worker->fd < 0)
        return;
    if (worker->run->load->reset_clients)
        setsockopt(worker->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(worker->fd);
    worker->fd = -1;
    worker->carried = 0;
    worker->in_len = 0;
}

static bool connect_once(struct load_worker *worker)
{
    const struct t_load *load = worker->run->load;
    const char *host = load->host ? load->host : "127.0.0.1";
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)load->port)};
    bool is_v6 = inet_pton(AF_INET6, host, &v6.sin6_addr) == 1;
    if (!is_v6)
        inet_pton(AF_INET, host, &v4.sin_addr);
    worker->fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (worker->fd < 0)
        return false;
    struct timeval limit = {t_timeout_ms() / 1000, 0};
    int on = 1;
    setsockopt(worker->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(worker->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(worker->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    worker->result.connections++;
    return connect(worker->fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
                   is_v6 ? sizeof(v6) : sizeof(v4)) == 0;
}

/* Sends all; a peer that closes early may have answered, so errors show in what is read. */
static void send_request(struct load_worker *worker, const struct t_load_request *request)
{
    size_t done = 0;
    while (done < request->len) {
        ssize_t sent = send(worker->fd, request->data + done, request->len - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        done += (size_t)sent;
    }
}

/* Reads once more. Returns 1, 0 at the end of stream, or -errno. */
static int read_more(struct load_worker *worker)
{
    if (worker->in_size - worker->in_len < READ_PIECE) {
        worker->in_size = worker->in_size * 2 + READ_PIECE;
        worker->in = realloc(worker->in, worker->in_size);
        if (!worker->in)
            abort();
    }
    ssize_t got;
    do
        got = recv(worker->fd, worker->in + worker->in_len, READ_PIECE, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got == 0 ? 0 : -errno;
    worker->in_len += (size_t)got;
    return 1;
}

static const char *read_trouble(struct load_worker *worker, int got)
{
    if (got == -EAGAIN) {
        worker->result.timeouts++;
        return "no complete answer in time";
    }
    worker->result.broken++;
    return got == -ECONNRESET ? "the connection was reset" : "the connection broke";
}

/* Reads the final answer, leaving out interim ones. Returns what went wrong, or null. */
static const char *read_answer(struct load_worker *worker, const struct t_load_request *request,
                               struct t_message *answer)
{
    int got = 1;
    for (;;) {
        const char *wrong = NULL;
        enum t_parse_result result = t_message_parse(answer, worker->in, worker->in_len,
                                                     request->method, got == 0, &wrong);
        if (result == T_PARSE_BROKEN) {
            worker->result.broken++;
            return wrong;
        }
        if (result == T_PARSE_DONE) {
            worker->in_len -= answer->raw_len;
            memmove(worker->in, worker->in + answer->raw_len, worker->in_len);
            if (answer->status >= 200)
                return NULL;
            t_message_fini(answer);
            continue;
        }
        got = read_more(worker);
        if (got < 0)
            return read_trouble(worker, got);
    }
}

/* Does the answer end its connection? */
static bool is_last(const struct t_message *answer)
{
    for (size_t i = 0; i < answer->field_count; i++)
        if (strcasecmp(answer->fields[i].name, "connection") == 0 &&
            strcasestr(answer->fields[i].value, "close"))
            return true;
    return answer->framing == T_FRAMING_CLOSE || answer->version == 10;
}

static void carry(struct load_worker *worker, struct t_load_request *request)
{
    const struct t_load *load = worker->run->load;
    uint64_t limit = load->per_connection ? load->per_connection : 1;
    bool last = worker->carried + 1 >= limit;
    (load->make ? load->make : mixed_make)(request, last, load->user);
    if (worker->fd < 0 && !connect_once(worker)) {
        worker->result.refused++;
        trouble(worker, request, strerror(errno));
        disconnect(worker);
        return;
    }
    worker->carried++;
    send_request(worker, request);
    struct t_message answer;
    const char *wrong = read_answer(worker, request, &answer);
    if (wrong) {
        trouble(worker, request, wrong);
        disconnect(worker);
        return;
    }
    worker->result.by_status[answer.status]++;
    t_load_check_fn *check = load->make ? load->check : mixed_check;
    bool right = worker->in_len == 0 && (!check || check(request, &answer, load->user));
    if (right) {
        worker->result.ok++;
    } else {
        worker->result.wrong++;
        trouble(worker, request,
                t_text("not the right answer: %d, \"%.60s\"", answer.status,
                       t_escape(answer.body, answer.body_len < 60 ? answer.body_len : 60)));
    }
    if (last || is_last(&answer))
        disconnect(worker);
    t_message_fini(&answer);
}

static void add(struct t_load_result *sum, const struct t_load_result *one)
{
    sum->ok += one->ok;
    sum->wrong += one->wrong;
    sum->broken += one->broken;
    sum->refused += one->refused;
    sum->timeouts += one->timeouts;
    sum->connections += one->connections;
    for (size_t i = 0; i < sizeof(sum->by_status) / sizeof(sum->by_status[0]); i++)
        sum->by_status[i] += one->by_status[i];
    if (!sum->first_trouble[0])
        memcpy(sum->first_trouble, one->first_trouble, sizeof(sum->first_trouble));
}

static void *work(void *user)
{
    struct load_worker worker = {.run = user, .fd = -1};
    struct load_run *run = worker.run;
    for (;;) {
        struct t_load_request request = {.id = atomic_fetch_add(&run->next, 1)};
        if (request.id >= run->load->requests)
            break;
        carry(&worker, &request);
        free(request.data);
    }
    disconnect(&worker);
    free(worker.in);
    pthread_mutex_lock(&run->mutex);
    add(&run->result, &worker.result);
    pthread_mutex_unlock(&run->mutex);
    return NULL;
}

struct t_load_result t_load_run(const struct t_load *load)
{
    struct load_run run = {.load = load, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[THREADS_MAX];
    int started = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    while (started < load->concurrency && started < THREADS_MAX)
        if (pthread_create(&threads[started++], &attributes, work, &run) != 0)
            t_fail("cannot start %d threads", load->concurrency);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return run.result;
}

void t_load_assert_ok(const struct t_load *load, const struct t_load_result *result)
{
    if (result->ok == load->requests)
        return;
    t_fail("%" PRIu64 " of %" PRIu64 " requests were answered right; %" PRIu64 " wrong, %" PRIu64
           " broken, %" PRIu64 " refused, %" PRIu64 " timeouts\n  first: %s",
           result->ok, load->requests, result->wrong, result->broken, result->refused,
           result->timeouts, result->first_trouble);
}
