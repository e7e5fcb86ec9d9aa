#include "probe_conn.h"

#include "weir/base/gather.h"
#include "weir/http/body.h"
#include "weir/net/stream.h"
#include "weir/upstream/learn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 16 << 20, INTERIMS_MAX = 20 };

static const struct weir_head_limits limits = {.bytes_max = 32768, .fields_max = 100};

uint64_t weir_probe_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* 0 or -errno. */
static int await(int fd, short events, uint64_t until_us)
{
    struct pollfd wait = {.fd = fd, .events = events};

    for (;;) {
        uint64_t now = weir_probe_now_us();
        int n = poll(&wait, 1, now < until_us ? (int)((until_us - now + 999) / 1000) : 0);

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (weir_probe_now_us() >= until_us)
            return -ETIMEDOUT;
    }
}

/* 0 or -errno. */
static int start_tls(struct weir_probe_conn *conn, struct weir_probe_tls *tls, uint64_t until_us)
{
    struct ssl_st *ssl = weir_tls_dialer_dial(tls->dialer, tls->name, NULL);
    unsigned wants = WEIR_WANT_READ;
    int error;

    conn->tls = ssl ? weir_tls_create(ssl) : NULL;
    conn->manner = tls;
    if (!conn->tls || !weir_tls_bind(conn->tls, conn->fd))
        return -ENOMEM;
    while ((error = weir_tls_handshake(conn->tls, &wants)) == WEIR_STREAM_PAUSED) {
        error = await(conn->fd, wants & WEIR_WANT_WRITE ? POLLOUT : POLLIN, until_us);
        if (error)
            return error;
    }
    tls->fault = conn->tls->fault;
    tls->is_untrusted = error && weir_tls_is_untrusted(conn->tls);
    return error;
}

/* Where the queue of a Unix socket is full, until it is not. 0 or an errno. */
static int start_connect(int fd, const struct weir_address *address, uint64_t until_us)
{
    const struct timespec nap = {.tv_nsec = 10000000};

    while (connect(fd, &address->any, address->len) != 0 && errno != EINPROGRESS) {
        if (errno != EAGAIN || address->any.sa_family != AF_UNIX || weir_probe_now_us() >= until_us)
            return errno;
        nanosleep(&nap, NULL);
    }
    return 0;
}

int weir_probe_open(struct weir_probe_conn *conn, const struct weir_address *address,
                    struct weir_probe_tls *tls, uint64_t until_us)
{
    uint64_t start = weir_probe_now_us();
    int error = 0, on = 1;
    socklen_t len = sizeof(error);

    conn->len = 0;
    conn->is_reset = false;
    conn->tls = NULL;
    conn->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return -errno;
    if (address->any.sa_family != AF_UNIX)
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    error = start_connect(conn->fd, address, until_us);
    if (!error)
        error = -await(conn->fd, POLLOUT, until_us);
    if (!error && getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (!error && tls)
        error = -start_tls(conn, tls, until_us);
    conn->idle_since_us = weir_probe_now_us();
    conn->connect_us = conn->idle_since_us - start;
    if (error)
        weir_probe_close(conn);
    return -error;
}

void weir_probe_close(struct weir_probe_conn *conn)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (conn->fd < 0)
        return;
    weir_tls_destroy(conn->tls, false);
    conn->tls = NULL;
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(conn->fd);
    conn->fd = -1;
}

ssize_t weir_probe_take(struct weir_probe_conn *conn, char *data, size_t len, bool peek)
{
    ssize_t n;

    if (!conn->tls) {
        n = recv(conn->fd, data, len, MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
        return n < 0 ? -errno : n;
    }
    n = weir_tls_read(conn->tls, data, len, peek);
    return n == WEIR_STREAM_PAUSED ? -EAGAIN : n == WEIR_STREAM_CUT ? 0 : n;
}

/* Some of TEXT. As send, but for -errno. */
static ssize_t send_some(struct weir_probe_conn *conn, const char *text, size_t len)
{
    struct weir_gather gather;
    ssize_t n;

    if (!conn->tls) {
        n = send(conn->fd, text, len, MSG_NOSIGNAL);
        return n < 0 ? -errno : n;
    }
    weir_gather_init(&gather);
    weir_gather_add(&gather, weir_slice_make(text, len));
    n = weir_tls_write(conn->tls, &gather, &conn->manner->blocks);
    weir_gather_clear(&gather);
    return n == WEIR_STREAM_PAUSED ? -EAGAIN : n;
}

bool weir_probe_send(struct weir_probe_conn *conn, const char *text, uint64_t until_us)
{
    size_t len = strlen(text);

    conn->sent_us = weir_probe_now_us();
    while (len > 0) {
        ssize_t n = send_some(conn, text, len);

        if (n < 0 && n != -EAGAIN && n != -EINTR) {
            conn->is_reset = n == -ECONNRESET;
            return false;
        }
        if (n < 0 && await(conn->fd, POLLOUT, until_us) != 0)
            return false;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Takes N bytes off the front. */
static void drop(struct weir_probe_conn *conn, size_t n)
{
    conn->len -= n;
    memmove(conn->buffer, conn->buffer + n, conn->len);
}

/* Reads more bytes. ANSWERED: some came; else how it ended. */
static enum weir_probe_outcome fill(struct weir_probe_conn *conn, uint64_t until_us)
{
    for (;;) {
        ssize_t n = weir_probe_take(conn, conn->buffer + conn->len, WEIR_PROBE_BUFFER - conn->len,
                                    false);

        if (n > 0) {
            conn->len += (size_t)n;
            return WEIR_PROBE_ANSWERED;
        }
        /* EPIPE: our request met a connection whose FIN had come, and drew a reset. */
        if ((n == 0 && !conn->is_reset) || n == -EPIPE)
            return WEIR_PROBE_CLOSED;
        if (n == 0)
            return WEIR_PROBE_RESET;
        if (n != -EAGAIN && n != -EINTR)
            return WEIR_PROBE_RESET;
        if (await(conn->fd, POLLIN, until_us) != 0)
            return WEIR_PROBE_SILENT;
    }
}

static void note_fields(const struct weir_head *head, const char *base,
                        struct weir_probe_answer *answer)
{
    const struct weir_field *field = weir_head_find(head, WEIR_FIELD_KEEP_ALIVE);

    if (field) {
        struct weir_keep_alive_field said = weir_keep_alive_read(weir_field_value(base, field));
        answer->timeout_ms = said.timeout_ms;
        answer->requests_more = said.has_max ? said.max : UINT64_MAX;
    }
    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (weir_slice_is_like(weir_field_name(base, &head->fields[i]), "server")) {
            struct weir_slice value = weir_field_value(base, &head->fields[i]);
            snprintf(answer->server, sizeof(answer->server), "%.*s", (int)value.len, value.data);
            for (char *c = answer->server; *c; c++)
                *c = *c < ' ' || *c > '~' ? '?' : *c; /* a terminal may act on the others */
        }
    }
}

/* Reads the next head; *response is what it means. */
static enum weir_probe_outcome read_head(struct weir_probe_conn *conn, enum weir_method method,
                                         uint64_t until_us, struct weir_probe_answer *answer,
                                         struct weir_response *response)
{
    enum weir_probe_outcome outcome = WEIR_PROBE_ANSWERED;
    struct weir_head head;

    weir_head_init(&head, WEIR_HEAD_RESPONSE);
    for (;;) {
        answer->error = conn->len ? weir_head_parse(&head, conn->buffer, conn->len, &limits) : 0;
        if (answer->error || head.complete)
            break;
        outcome = fill(conn, until_us);
        if (outcome != WEIR_PROBE_ANSWERED)
            goto out;
        answer->has_begun = true;
    }
    if (!answer->error)
        answer->error = weir_response_read(response, &head, conn->buffer, method);
    if (answer->error) {
        outcome = WEIR_PROBE_BROKEN;
        goto out;
    }
    answer->status = head.status;
    answer->minor = head.minor;
    if (!response->is_interim)
        note_fields(&head, conn->buffer, answer);
    drop(conn, head.end);
out:
    weir_head_fini(&head);
    return outcome;
}

/* Takes the trailers once they are whole. False: they are not valid. */
static bool take_trailers(struct weir_probe_conn *conn, struct weir_body *body)
{
    struct weir_head trailers;
    enum weir_error error;

    weir_head_init(&trailers, WEIR_HEAD_TRAILERS);
    error = weir_head_parse(&trailers, conn->buffer, conn->len, &limits);
    if (!error && trailers.complete) {
        drop(conn, trailers.end);
        weir_body_end(body);
    }
    weir_head_fini(&trailers);
    return !error;
}

static enum weir_probe_outcome read_body(struct weir_probe_conn *conn, struct weir_framing framing,
                                         uint64_t until_us, struct weir_probe_answer *answer)
{
    struct weir_body body;
    enum weir_probe_outcome outcome;

    weir_body_init(&body, framing);
    while (!weir_body_is_complete(&body)) {
        struct weir_slice content;
        size_t used = 0;
        enum weir_body_event event = weir_body_next(&body, conn->buffer, conn->len, &used,
                                                    &content);

        drop(conn, used);
        if (event == WEIR_BODY_BAD ||
            (event == WEIR_BODY_TRAILERS && !take_trailers(conn, &body))) {
            answer->error = WEIR_BAD_RESPONSE;
            return WEIR_PROBE_BROKEN;
        }
        if (body.content_bytes > BODY_BYTES_MAX || conn->len == WEIR_PROBE_BUFFER)
            return WEIR_PROBE_TOO_LARGE;
        if (event == WEIR_BODY_DATA || event == WEIR_BODY_END || weir_body_is_complete(&body))
            continue;
        outcome = fill(conn, until_us);
        if (outcome == WEIR_PROBE_CLOSED && weir_body_may_end_by_close(&body)) {
            answer->is_ended = true;
            break;
        }
        if (outcome != WEIR_PROBE_ANSWERED)
            return outcome;
    }
    return WEIR_PROBE_ANSWERED;
}

void weir_probe_read(struct weir_probe_conn *conn, enum weir_method method, uint64_t until_us,
                     struct weir_probe_answer *answer)
{
    struct weir_response response = {.is_interim = false};
    int n = 0;

    do {
        answer->outcome = n++ < INTERIMS_MAX ? read_head(conn, method, until_us, answer, &response)
                                             : WEIR_PROBE_BROKEN;
        if (answer->outcome != WEIR_PROBE_ANSWERED)
            return;
        if (!answer->first_byte_us)
            answer->first_byte_us = weir_probe_now_us() - conn->sent_us;
        answer->is_continued |= answer->status == 100;
        if (answer->is_continued && answer->stops_at_continue)
            return;
    } while (response.is_interim);
    answer->is_keep_alive = response.is_keep_alive;
    answer->outcome = read_body(conn, response.framing, until_us, answer);
    answer->has_left = conn->len > 0;
    conn->idle_since_us = weir_probe_now_us();
}

void weir_probe_ask(struct weir_probe_conn *conn, const char *request, enum weir_method method,
                    uint64_t until_us, struct weir_probe_answer *answer)
{
    *answer = (struct weir_probe_answer)WEIR_PROBE_ANSWER_INIT;
    conn->len = 0;
    /* What a server says before it refuses to read on is worth reading. */
    weir_probe_send(conn, request, until_us);
    weir_probe_read(conn, method, until_us, answer);
}
