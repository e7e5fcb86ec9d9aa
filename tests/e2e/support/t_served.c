/* The served origin: one thread, one epoll, blocking writes. Made for checking, not for speed. */
#define T_HARNESS
#include "t_origin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_PIECE = 64 * 1024, EVENTS = 64 };

/* One connection; owned by the thread. */
struct served_conn {
    struct served_conn *next;
    int fd; /* -1 once closed */
    int number;
    int requests;
    bool at_end;
    char *in;
    size_t in_len;
    size_t in_size;
};

struct t_served {
    pthread_t thread;
    int listener;
    int epoll;
    int stop; /* eventfd */
    t_serve_fn *serve;
    void *user;
    struct served_conn *conns;
    struct t_served_counts counts; /* the thread's until it is joined */
};

static void served_close(struct served_conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    free(conn->in);
    conn->in = NULL;
    conn->in_len = conn->in_size = 0;
}

/* Writes all, waiting for the peer. Returns false when it is gone or too slow. */
static bool served_write(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            len -= (size_t)sent;
            continue;
        }
        struct pollfd poll_one = {.fd = fd, .events = POLLOUT};
        if ((errno != EAGAIN && errno != EINTR) || poll(&poll_one, 1, t_timeout_ms()) == 0)
            return false;
    }
    return true;
}

/* Answers one complete request, if there is one. Returns false when there is not. */
static bool served_answer(struct t_served *served, struct served_conn *conn)
{
    struct t_message message;
    const char *wrong;
    enum t_parse_result result = t_message_parse(&message, conn->in, conn->in_len, NULL,
                                                 conn->at_end, &wrong);
    if (result == T_PARSE_MORE || !conn->in_len)
        return false;
    if (result == T_PARSE_BROKEN) {
        served->counts.broken++;
        served_close(conn);
        return false;
    }
    struct t_served_request request = {
        .message = &message, .connection = conn->number, .number = ++conn->requests};
    served->counts.requests++;
    served->serve(&request, served->user);
    bool written = served_write(conn->fd, request.answer, request.answer_len);
    conn->in_len -= message.raw_len;
    memmove(conn->in, conn->in + message.raw_len, conn->in_len);
    t_message_fini(&message);
    if (!written || request.close)
        served_close(conn);
    return conn->fd >= 0;
}

static void served_read(struct t_served *served, struct served_conn *conn)
{
    if (conn->fd < 0)
        return;
    if (conn->in_size - conn->in_len < READ_PIECE) {
        conn->in_size = conn->in_size * 2 + READ_PIECE;
        conn->in = realloc(conn->in, conn->in_size);
        if (!conn->in)
            abort();
    }
    ssize_t got = recv(conn->fd, conn->in + conn->in_len, READ_PIECE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    conn->at_end = got <= 0;
    if (got > 0)
        conn->in_len += (size_t)got;
    while (served_answer(served, conn))
        continue;
    if (conn->at_end)
        served_close(conn);
}

static void served_accept(struct t_served *served)
{
    int fd;
    while ((fd = accept4(served->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct served_conn *conn = calloc(1, sizeof(*conn));
        if (!conn)
            abort();
        conn->fd = fd;
        conn->number = (int)++served->counts.connections;
        conn->next = served->conns;
        served->conns = conn;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
        epoll_ctl(served->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void *served_main(void *user)
{
    struct t_served *served = user;
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(served->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &served->stop)
                return NULL;
            if (events[i].data.ptr == &served->listener)
                served_accept(served);
            else
                served_read(served, events[i].data.ptr);
        }
    }
}

void t_origin_serve(struct t_origin *origin, t_serve_fn *serve, void *user)
{
    if (origin->shelf_len)
        t_fail("the origin has accepted connections before it was to be served by a thread");
    struct t_served *served = t_alloc(sizeof(*served));
    served->listener = origin->fd;
    served->epoll = epoll_create1(EPOLL_CLOEXEC);
    served->stop = eventfd(0, EFD_CLOEXEC);
    served->serve = serve;
    served->user = user;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &served->listener};
    epoll_ctl(served->epoll, EPOLL_CTL_ADD, served->listener, &event);
    event.data.ptr = &served->stop;
    epoll_ctl(served->epoll, EPOLL_CTL_ADD, served->stop, &event);
    if (pthread_create(&served->thread, NULL, served_main, served) != 0)
        t_fail("cannot start a thread");
    origin->served = served;
}

struct t_served_counts t_origin_serve_stop(struct t_origin *origin)
{
    struct t_served *served = origin->served;
    if (!served)
        t_fail("the origin is not served by a thread");
    eventfd_write(served->stop, 1);
    pthread_join(served->thread, NULL);
    while (served->conns) {
        struct served_conn *conn = served->conns;
        served->conns = conn->next;
        served_close(conn);
        free(conn);
    }
    close(served->epoll);
    close(served->stop);
    origin->served = NULL;
    return served->counts;
}
