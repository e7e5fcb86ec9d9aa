#include "model_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HELD_MAX = 4096, EVENTS = 64, BACKLOG = 4096 };

/* The descriptors it holds, by number. */
struct held {
    bool is_held[HELD_MAX];
    int last;
};

static void end(struct model_server *server, struct held *held, int fd)
{
    held->is_held[fd] = false;
    close(fd);
    atomic_fetch_add(&server->ended, 1);
}

static void accept_all(struct model_server *server, struct held *held)
{
    int fd;

    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= HELD_MAX) {
            close(fd);
            continue;
        }
        held->is_held[fd] = true;
        atomic_fetch_add(&server->accepted, 1);
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

/* The next one in turn gets a byte that nobody asked for, or an end. */
static void disturb(struct model_server *server, struct held *held)
{
    for (int i = 1; i <= HELD_MAX; i++) {
        int fd = (held->last + i) % HELD_MAX;
        if (!held->is_held[fd])
            continue;
        held->last = fd;
        if (fd % 2)
            (void)send(fd, "?", 1, MSG_NOSIGNAL);
        else
            end(server, held, fd);
        return;
    }
}

static void *run(void *argument)
{
    struct model_server *server = argument;
    struct held held = {.last = 0};

    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(server->epoll, events, EVENTS,
                           server->end_every_ms > 0 ? server->end_every_ms : -1);
        for (int i = 0; i < n; i++) {
            char dropped[256];
            int fd = events[i].data.fd;
            if (fd == server->stop)
                goto out;
            if (fd == server->listener)
                accept_all(server, &held);
            else if (held.is_held[fd] && recv(fd, dropped, sizeof(dropped), 0) <= 0)
                end(server, &held, fd);
        }
        if (server->end_every_ms > 0)
            disturb(server, &held);
    }
out:
    for (int fd = 0; fd < HELD_MAX; fd++) {
        if (held.is_held[fd])
            end(server, &held, fd);
    }
    return NULL;
}

int model_server_start(struct model_server *server, int end_every_ms)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&server->address.storage;
    struct epoll_event event = {.events = EPOLLIN};

    *server = (struct model_server){.end_every_ms = end_every_ms};
    server->address.len = sizeof(*v4);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->stop = eventfd(0, EFD_CLOEXEC);
    if (server->listener < 0 || server->epoll < 0 || server->stop < 0 ||
        bind(server->listener, &server->address.any, server->address.len) != 0 ||
        listen(server->listener, BACKLOG) != 0 ||
        getsockname(server->listener, &server->address.any, &server->address.len) != 0)
        return -errno;
    event.data.fd = server->listener;
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event);
    event.data.fd = server->stop;
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->stop, &event);
    return -pthread_create(&server->thread, NULL, run, server);
}

void model_server_stop(struct model_server *server)
{
    eventfd_write(server->stop, 1);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->epoll);
    close(server->stop);
}
