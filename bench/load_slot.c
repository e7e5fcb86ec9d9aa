/* A client's way: REST -> SEND (begin) -> RECEIVE (the request is out) -> SEND (the answer is
 * whole, the next on the same connection) or END (waits for the server's end) -> SEND (on a new
 * one). A failure goes to REST for a while, from any of them. */
#include "load_slot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024, STATUS_OK = 200 };

static const double REST_S = 0.1;

double load_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void load_slot_close(struct load_slot *slot)
{
    load_tls_close(&slot->tls);
    if (slot->fd >= 0)
        close(slot->fd);
    slot->fd = -1;
}

static void fail(struct load *load, struct load_slot *slot)
{
    load->failed++;
    load_slot_close(slot);
    slot->phase = LOAD_REST;
    slot->rest_until = load_now() + REST_S;
}

static bool is_over(const struct load *load)
{
    return load->started >= load->requests_max || load_now() >= load->deadline;
}

/* As if it were another host's. The port is chosen at connect, when the peer is known. */
static int bind_source(struct load *load, int fd)
{
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(load->connections % load->sources))};
    int on = 1;

    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&source, sizeof(source));
}

/* Returns 0, or an error number. */
static int open_connection(struct load *load, struct load_slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = slot};
    int on = 1;

    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0)
        return errno;
    setsockopt(slot->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (load->sources > 1 && bind_source(load, slot->fd) != 0)
        return errno;
    if (connect(slot->fd, (struct sockaddr *)&load->server, sizeof(load->server)) != 0 &&
        errno != EINPROGRESS)
        return errno;
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, slot->fd, &event) != 0)
        return errno;
    if (load->tls && !load_tls_open(&slot->tls, load->tls, slot->fd, load->resume))
        return EPROTO;
    slot->is_counted = false;
    load->connections++;
    return 0;
}

static void send_some(struct load *load, struct load_slot *slot)
{
    const char *rest = load->request + slot->sent;
    size_t len = load->request_len - slot->sent;
    ssize_t sent = load->tls ? load_tls_write(&slot->tls, rest, len)
                             : send(slot->fd, rest, len, MSG_NOSIGNAL);

    if (sent < 0 && errno == EAGAIN)
        return;
    if (sent < 0) {
        fail(load, slot);
        return;
    }
    slot->sent += (size_t)sent;
    if (slot->sent == load->request_len)
        slot->phase = LOAD_RECEIVE;
}

void load_slot_begin(struct load *load, struct load_slot *slot)
{
    int error = 0;

    slot->phase = LOAD_REST;
    slot->rest_until = 0;
    if (is_over(load) || (load->is_warming && slot->is_warm))
        return;
    load->started++;
    slot->started = load_now();
    slot->sent = 0;
    load_answer_begin(&slot->answer);
    if (slot->fd < 0)
        error = open_connection(load, slot);
    if (error) {
        load->no_port += error == EADDRNOTAVAIL;
        fail(load, slot);
        return;
    }
    slot->phase = LOAD_SEND;
    send_some(load, slot);
}

static void count(struct load *load, struct load_slot *slot)
{
    if (load->done == load->latencies_size) {
        load->latencies_size = load->latencies_size ? load->latencies_size * 2 : 65536;
        load->latency_us = realloc(load->latency_us,
                                   load->latencies_size * sizeof(*load->latency_us));
        if (!load->latency_us)
            abort();
    }
    load->latency_us[load->done++] = (uint32_t)((load_now() - slot->started) * 1e6);
    if (load->tls && !slot->is_counted) {
        slot->is_counted = true;
        if (SSL_session_reused(slot->tls.ssl))
            load->resumed_handshakes++;
        else
            load->full_handshakes++;
    }
}

static ssize_t receive(struct load *load, struct load_slot *slot, char *data, size_t len)
{
    return load->tls ? load_tls_read(&slot->tls, data, len) : recv(slot->fd, data, len, 0);
}

/* The answer is whole: what next? */
static void go_on(struct load *load, struct load_slot *slot)
{
    count(load, slot);
    slot->is_warm = true;
    if (!load->once && !slot->answer.closes) {
        load_slot_begin(load, slot);
        return;
    }
    slot->phase = LOAD_END;
    if (!load->closes_first)
        return;
    load_slot_close(slot);
    load_slot_begin(load, slot);
}

static void receive_some(struct load *load, struct load_slot *slot)
{
    static char data[BUFFER_SIZE];

    while (slot->phase == LOAD_RECEIVE) {
        ssize_t got = receive(load, slot, data, sizeof(data));
        if (got < 0 && errno == EAGAIN)
            return;
        enum load_answer_state state = got > 0 ? load_answer_take(&slot->answer, data, (size_t)got)
                                               : LOAD_ANSWER_BAD;
        if (state == LOAD_ANSWER_BAD) {
            fail(load, slot);
            return;
        }
        load->bytes += (uint64_t)got;
        if (state == LOAD_ANSWER_MORE)
            continue;
        if (slot->answer.status != STATUS_OK) {
            fail(load, slot);
            return;
        }
        go_on(load, slot);
        if (slot->phase == LOAD_RECEIVE) /* the next: its answer comes with an event */
            return;
    }
}

/* The server is to close: nothing but the end may come. */
static void await_end(struct load *load, struct load_slot *slot)
{
    char byte;

    if (receive(load, slot, &byte, 1) < 0 && errno == EAGAIN)
        return;
    load_slot_close(slot);
    load_slot_begin(load, slot);
}

void load_slot_on_event(struct load *load, struct load_slot *slot)
{
    if (slot->phase == LOAD_SEND)
        send_some(load, slot);
    if (slot->phase == LOAD_RECEIVE)
        receive_some(load, slot);
    if (slot->phase == LOAD_END)
        await_end(load, slot);
}
