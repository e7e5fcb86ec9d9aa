/* The scripted origin. */
#define T_HARNESS
#include "t_origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* Listens at HOST and PORT. Returns the descriptor. */
static int listen_at(const char *host, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is_v6 = inet_pton(AF_INET6, host, &v6.sin6_addr) == 1;
    if (!is_v6 && inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        t_fail("\"%s\" is no IPv4 or IPv6 address", host);
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const struct sockaddr *address = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    if (fd < 0 || bind(fd, address, is_v6 ? sizeof(v6) : sizeof(v4)) != 0 ||
        listen(fd, BACKLOG) != 0)
        t_fail("cannot listen on %s port %d: %s", host, port, strerror(errno));
    return fd;
}

void t_origin_open_at(struct t_origin *origin, const char *host, int port)
{
    *origin = (struct t_origin){.host = host, .port = port};
    origin->fd = listen_at(host, port);
}

void t_origin_open_on(struct t_origin *origin, const char *host)
{
    t_origin_open_at(origin, host, (t_free_port)());
}

void t_origin_open(struct t_origin *origin)
{
    t_origin_open_on(origin, "127.0.0.1");
}

void t_origin_close(struct t_origin *origin)
{
    t_origin_connections(origin);
    if (origin->fd >= 0)
        close(origin->fd);
    origin->fd = -1;
}

void t_origin_reopen(struct t_origin *origin)
{
    t_origin_close(origin);
    origin->fd = listen_at(origin->host, origin->port);
}

/* Accepts one that is there already. Returns null when none is. */
static struct t_conn *accept_now(struct t_origin *origin)
{
    if (origin->fd < 0)
        return NULL;
    int fd;
    do
        fd = accept4(origin->fd, NULL, NULL, SOCK_CLOEXEC);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd >= 0)
        return t_conn_adopt(fd, t_text("origin connection %d", ++origin->accepted));
    if (errno != EAGAIN)
        t_fail("the origin cannot accept: %s", strerror(errno));
    return NULL;
}

/* Puts all that are there on the shelf. */
static void fill_shelf(struct t_origin *origin)
{
    struct t_conn *conn;
    while ((conn = accept_now(origin))) {
        struct t_conn **longer = t_alloc((origin->shelf_len + 1) * sizeof(*longer));
        if (origin->shelf_len)
            memcpy(longer, origin->shelf, origin->shelf_len * sizeof(*longer));
        longer[origin->shelf_len++] = conn;
        origin->shelf = longer;
    }
}

int t_origin_connections(struct t_origin *origin)
{
    if (origin->served)
        t_fail("this origin is served by a thread: ask for the counts of t_origin_serve_stop");
    fill_shelf(origin);
    return origin->accepted;
}

/* Waits for a connection to be there. Returns false when the time is over. */
static bool await_connection(struct t_origin *origin, int64_t deadline_ms)
{
    struct pollfd poll_one = {.fd = origin->fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&poll_one, 1, t_left_ms(deadline_ms));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

struct t_conn *t_accept(struct t_origin *origin)
{
    int64_t deadline = t_deadline_ms();
    if (origin->shelf_len) {
        struct t_conn *conn = origin->shelf[0];
        origin->shelf_len--;
        memmove(origin->shelf, origin->shelf + 1, origin->shelf_len * sizeof(conn));
        return conn;
    }
    for (;;) {
        struct t_conn *conn = accept_now(origin);
        if (conn)
            return conn;
        if (!await_connection(origin, deadline))
            t_fail("no connection comes to the origin at port %d (so far: %d)", origin->port,
                   origin->accepted);
    }
}

void t_origin_await_connections(struct t_origin *origin, int count)
{
    int64_t deadline = t_deadline_ms();
    while (t_origin_connections(origin) < count)
        if (!await_connection(origin, deadline))
            t_fail("%d connections came to the origin at port %d, not %d", origin->accepted,
                   origin->port, count);
}
