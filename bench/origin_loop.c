#include "origin_loop.h"

#include "origin_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, ACCEPTS = 64, WAIT_MAX_MS = 60 * 1000 };

static int64_t read_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- timers: a binary heap; a connection knows its place, counted from 1 --- */

static void heap_put(struct origin_loop *loop, size_t at, struct origin_conn *conn)
{
    loop->heap[at - 1] = conn;
    conn->timer_place = at;
}

/* Moves the connection at AT up or down until the order holds. */
static void heap_settle(struct origin_loop *loop, size_t at)
{
    struct origin_conn *conn = loop->heap[at - 1];
    while (at > 1 && conn->due_ms < loop->heap[at / 2 - 1]->due_ms) {
        heap_put(loop, at, loop->heap[at / 2 - 1]);
        at /= 2;
    }
    for (;;) {
        size_t child = at * 2;
        if (child > loop->heap_len)
            break;
        if (child < loop->heap_len && loop->heap[child]->due_ms < loop->heap[child - 1]->due_ms)
            child++;
        if (conn->due_ms <= loop->heap[child - 1]->due_ms)
            break;
        heap_put(loop, at, loop->heap[child - 1]);
        at = child;
    }
    heap_put(loop, at, conn);
}

void origin_loop_set_timer(struct origin_loop *loop, struct origin_conn *conn, uint64_t ms)
{
    conn->due_ms = read_clock() + (int64_t)ms;
    if (!conn->timer_place) {
        if (loop->heap_len == loop->heap_size) {
            loop->heap_size = loop->heap_size * 2 + 64;
            loop->heap = realloc(loop->heap, loop->heap_size * sizeof(struct origin_conn *));
            if (!loop->heap)
                abort();
        }
        heap_put(loop, ++loop->heap_len, conn);
    }
    heap_settle(loop, conn->timer_place);
}

void origin_loop_clear_timer(struct origin_loop *loop, struct origin_conn *conn)
{
    size_t at = conn->timer_place;
    if (!at)
        return;
    conn->timer_place = 0;
    struct origin_conn *last = loop->heap[--loop->heap_len];
    if (last == conn)
        return;
    heap_put(loop, at, last);
    heap_settle(loop, at);
}

static void run_timers(struct origin_loop *loop)
{
    while (loop->heap_len && loop->heap[0]->due_ms <= loop->now_ms) {
        struct origin_conn *conn = loop->heap[0];
        origin_loop_clear_timer(loop, conn);
        origin_conn_on_timer(conn);
    }
}

static int next_wait_ms(const struct origin_loop *loop)
{
    if (!loop->heap_len)
        return -1;
    int64_t wait = loop->heap[0]->due_ms - loop->now_ms;
    return wait < 0 ? 0 : wait > WAIT_MAX_MS ? WAIT_MAX_MS : (int)wait;
}

/* --- events --- */

void origin_loop_watch(struct origin_loop *loop, struct origin_conn *conn, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (conn->is_registered && conn->watched == events)
        return;
    epoll_ctl(loop->epoll, conn->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->io.fd,
              &event);
    conn->is_registered = true;
    conn->watched = events;
}

static void accept_some(struct origin_loop *loop)
{
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            origin_conn_open(loop, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE)
            usleep(1000); /* until a connection ends, there is nothing better to do */
        return;
    }
}

static void *loop_main(void *user)
{
    struct origin_loop *loop = user;
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop->epoll, events, EVENTS, next_wait_ms(loop));
        loop->now_ms = read_clock();
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &loop->stop)
                return NULL;
            if (events[i].data.ptr == &loop->listener)
                accept_some(loop);
            else
                origin_conn_on_event(events[i].data.ptr, events[i].events);
        }
        run_timers(loop);
    }
}

static int watch_own(struct origin_loop *loop, int fd, void *mark)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int origin_loop_start(struct origin_loop *loop, int listener, const struct origin_mood *defaults)
{
    *loop = (struct origin_loop){.defaults = defaults, .listener = listener};
    loop->now_ms = read_clock();
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->stop = eventfd(0, EFD_CLOEXEC);
    if (loop->epoll < 0 || loop->stop < 0)
        return -errno;
    int error = watch_own(loop, listener, &loop->listener);
    if (error == 0)
        error = watch_own(loop, loop->stop, &loop->stop);
    if (error == 0)
        error = -pthread_create(&loop->thread, NULL, loop_main, loop);
    return error;
}

void origin_loop_stop(struct origin_loop *loop)
{
    eventfd_write(loop->stop, 1);
    pthread_join(loop->thread, NULL);
    while (loop->conns)
        origin_conn_close(loop->conns);
    close(loop->listener);
    close(loop->epoll);
    close(loop->stop);
    free(loop->heap);
    free(loop->out.data);
}
