#include "weir/net/acceptor.h"

#include "weir/base/log.h"
#include "weir/net/call.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 16, ACCEPTS_AT_CLOSE = 4096, PAUSE_MS = 100 };

#define ACCEPTOR_OF(pointer, member)                                                               \
    ((struct weir_acceptor *)(void *)((char *)(pointer)-offsetof(struct weir_acceptor, member)))

int weir_acceptor_bind(const struct weir_address *address, bool defer)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, error = 0;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    /* Accepted sockets inherit both. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (defer)
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
    if (bind(fd, &address->any, address->len) != 0 || listen(fd, WEIR_ACCEPTOR_BACKLOG) != 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int accept_some(struct weir_acceptor *acceptor, int n)
{
    while (n-- > 0 && !acceptor->is_closed) {
        struct weir_address peer = {.len = sizeof(peer.storage)};
        int fd = weir_call_accept4(acceptor->fd, &peer.any, &peer.len,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            acceptor->on_accept(acceptor, fd, &peer);
        else if (errno != EINTR && errno != ECONNABORTED)
            return -errno;
    }
    return 0;
}

static void pause_accepting(struct weir_acceptor *acceptor)
{
    weir_loop_unwatch(acceptor->loop, &acceptor->watch);
    weir_loop_deadline(acceptor->loop, &acceptor->retry, PAUSE_MS);
}

static void on_pause_over(struct weir_deadline *deadline)
{
    struct weir_acceptor *acceptor = ACCEPTOR_OF(deadline, retry);

    if (weir_loop_watch(acceptor->loop, &acceptor->watch, EPOLLIN) != 0)
        pause_accepting(acceptor);
}

static void on_watch(struct weir_watch *watch, uint32_t events)
{
    struct weir_acceptor *acceptor = ACCEPTOR_OF(watch, watch);
    int error = accept_some(acceptor, ACCEPTS_A_TURN);

    (void)events;
    if (error == 0 || error == -EAGAIN)
        return;
    /* Out of descriptors or memory: the queue stays readable, so waiting for it would spin. */
    weir_log(WEIR_LOG_ERROR, "accepting pauses for %d ms: %s", PAUSE_MS, strerror(-error));
    pause_accepting(acceptor);
}

int weir_acceptor_start(struct weir_acceptor *acceptor, struct weir_loop *loop, int fd)
{
    int error;

    acceptor->loop = loop;
    acceptor->fd = fd;
    acceptor->is_closed = false;
    acceptor->watch = (struct weir_watch){.fd = fd, .on_ready = on_watch};
    acceptor->retry = (struct weir_deadline){.on_expire = on_pause_over};
    error = weir_loop_watch(loop, &acceptor->watch, EPOLLIN);
    if (error)
        close(fd);
    return error;
}

static void on_reap(struct weir_task *task)
{
    struct weir_acceptor *acceptor = ACCEPTOR_OF(task, reap);

    acceptor->on_closed(acceptor);
}

void weir_acceptor_close(struct weir_acceptor *acceptor, bool accept)
{
    if (acceptor->is_closed)
        return;
    if (accept)
        (void)accept_some(acceptor, ACCEPTS_AT_CLOSE);
    acceptor->is_closed = true;
    weir_deadline_cancel(&acceptor->retry);
    weir_loop_unwatch(acceptor->loop, &acceptor->watch);
    close(acceptor->fd);
    acceptor->reap.run = on_reap;
    weir_loop_defer(acceptor->loop, &acceptor->reap);
}
