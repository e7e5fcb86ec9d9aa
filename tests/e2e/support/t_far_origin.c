/* One thread, one epoll, and a list of connections in the order of their last use. */
#define T_HARNESS
#include "t_far_origin.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_BYTES = 4096, EVENTS = 256 };

struct t_far_conn {
    struct t_far_conn *older, *newer;
    int fd;
    int64_t used_ns;
    size_t in_len;
    char in[IN_BYTES + 1];
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void unlink_conn(struct t_far_origin *origin, struct t_far_conn *conn)
{
    *(conn->older ? &conn->older->newer : &origin->oldest) = conn->newer;
    *(conn->newer ? &conn->newer->older : &origin->newest) = conn->older;
}

static void link_newest(struct t_far_origin *origin, struct t_far_conn *conn)
{
    conn->used_ns = now_ns();
    conn->older = origin->newest;
    conn->newer = NULL;
    *(origin->newest ? &origin->newest->newer : &origin->oldest) = conn;
    origin->newest = conn;
}

static void end(struct t_far_origin *origin, struct t_far_conn *conn)
{
    unlink_conn(origin, conn);
    close(conn->fd);
    free(conn);
}

static void accept_all(struct t_far_origin *origin)
{
    int fd, on = 1;
    while ((fd = accept4(origin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct t_far_conn *conn = calloc(1, sizeof(*conn));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
        if (!conn)
            abort();
        conn->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        link_newest(origin, conn);
        epoll_ctl(origin->epoll, EPOLL_CTL_ADD, fd, &event);
        atomic_fetch_add(&origin->shared.connections, 1);
    }
}

/* Executes the request at the front, if it is whole. Returns its length, or 0. */
static size_t execute(struct t_far_origin *origin, struct t_far_conn *conn)
{
    char *head_end = strstr(conn->in, "\r\n\r\n"), answer[128];
    if (!head_end)
        return 0;
    const char *length = strcasestr(conn->in, "\r\nContent-Length:");
    size_t body_len = length && length < head_end ? strtoul(length + 17, NULL, 10) : 0;
    size_t len = (size_t)(head_end - conn->in) + 4 + body_len;
    if (conn->in_len < len)
        return 0;
    const char *field = strcasestr(conn->in, "\r\nX-Id:");
    size_t id = field && field < head_end ? strtoul(field + 7, NULL, 10) : origin->n_ids;
    if (id < origin->n_ids)
        atomic_fetch_add(&origin->executed[id], 1);
    char text[24];
    int text_len = snprintf(text, sizeof(text), "%zu", id);
    int answer_len = snprintf(answer, sizeof(answer),
                              "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", text_len, text);
    /* A peer that is gone shows when it is read from. */
    (void)!send(conn->fd, answer, (size_t)answer_len, MSG_NOSIGNAL);
    return len;
}

static void note_left(struct t_far_origin *origin, const struct t_far_conn *conn)
{
    unsigned ms = (unsigned)((now_ns() - conn->used_ns) / 1000000);
    atomic_fetch_add(&origin->shared.left, 1);
    if (ms < atomic_load(&origin->shared.left_after_ms_min))
        atomic_store(&origin->shared.left_after_ms_min, ms);
    if (ms > atomic_load(&origin->shared.left_after_ms_max))
        atomic_store(&origin->shared.left_after_ms_max, ms);
}

/* Reads and answers what there is. Returns false when there was nothing; one that has ended is gone
 * then. */
static bool serve(struct t_far_origin *origin, struct t_far_conn *conn)
{
    ssize_t got = recv(conn->fd, conn->in + conn->in_len, IN_BYTES - conn->in_len, 0);
    size_t len;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        note_left(origin, conn);
        end(origin, conn);
        return true;
    }
    conn->in_len += (size_t)got;
    conn->in[conn->in_len] = '\0';
    while ((len = execute(origin, conn)) > 0) {
        conn->in_len -= len;
        memmove(conn->in, conn->in + len, conn->in_len + 1);
    }
    unlink_conn(origin, conn);
    link_newest(origin, conn);
    return true;
}

/* Closes what has been idle for long enough. Returns for how long nothing is; -1: for ever. It
 * looks once more before it closes, so that what it takes for idle is, but for the blink of an eye
 * in which no server can know. */
static int64_t close_idle(struct t_far_origin *origin)
{
    struct t_far_conn *conn;
    while ((conn = origin->oldest)) {
        int64_t left_ns = conn->used_ns + origin->idle_ns - now_ns();
        if (left_ns > 0)
            return left_ns;
        if (serve(origin, conn))
            continue;
        end(origin, conn);
        atomic_fetch_add(&origin->shared.closed_idle, 1);
    }
    return -1;
}

static void *run(void *user)
{
    struct t_far_origin *origin = user;
    struct epoll_event events[EVENTS];
    bool stopped = false;
    prctl(PR_SET_TIMERSLACK, 1000);
    setpriority(PRIO_PROCESS, (id_t)gettid(), -20); /* it is to be punctual */
    while (!stopped) {
        int64_t wait_ns = close_idle(origin);
        struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
        int n = epoll_pwait2(origin->epoll, events, EVENTS, wait_ns >= 0 ? &wait : NULL, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &origin->stop)
                stopped = true;
            else if (events[i].data.ptr == &origin->listener)
                accept_all(origin);
            else
                serve(origin, events[i].data.ptr);
        }
    }
    while (origin->oldest)
        end(origin, origin->oldest);
    return NULL;
}

static void watch(struct t_far_origin *origin, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
    if (epoll_ctl(origin->epoll, EPOLL_CTL_ADD, *fd, &event) != 0)
        t_fail("cannot watch a descriptor: %s", strerror(errno));
}

void t_far_origin_forget(struct t_far_origin *origin)
{
    atomic_store(&origin->shared.left, 0);
    atomic_store(&origin->shared.left_after_ms_min, UINT_MAX);
    atomic_store(&origin->shared.left_after_ms_max, 0);
}

void(t_far_origin_start)(struct t_far_origin *origin, struct t_distance *distance, unsigned idle_ms,
                         size_t n_ids)
{
    *origin = (struct t_far_origin){.port = (t_free_port)(),
                                    .idle_ns = (int64_t)idle_ms * 1000000,
                                    .n_ids = n_ids,
                                    .executed = t_alloc(n_ids * sizeof(atomic_uint))};
    t_far_origin_forget(origin);
    origin->listener = (t_distance_listen)(distance, origin->port);
    origin->epoll = epoll_create1(EPOLL_CLOEXEC);
    origin->stop = eventfd(0, EFD_CLOEXEC);
    watch(origin, &origin->listener);
    watch(origin, &origin->stop);
    if (pthread_create(&origin->thread, NULL, run, origin) != 0)
        t_fail("cannot start the origin's thread");
}

void t_far_origin_stop(struct t_far_origin *origin)
{
    eventfd_write(origin->stop, 1);
    pthread_join(origin->thread, NULL);
    close(origin->listener);
    close(origin->epoll);
    close(origin->stop);
}
