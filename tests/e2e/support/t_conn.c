/* Raw connections: opening, sending, closing. Reading is in t_read.c. */
#define T_HARNESS
#include "t_conn.h"

#include "t_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATTERN_PIECE = 64 * 1024 };

struct t_conn *t_conn_adopt(int fd, const char *name)
{
    struct t_conn *conn = t_alloc(sizeof(*conn));
    conn->fd = fd;
    conn->name = name;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        t_fail("%s is no socket: %s", name, strerror(errno));
    return conn;
}

/* HOST and PORT as an address. Returns its length. */
static socklen_t make_address(const char *host, int port, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof(*address));
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return sizeof(*v6);
    }
    t_fail("\"%s\" is no IPv4 or IPv6 address", host);
}

/* Waits for EVENTS on the connection. Returns false when the time is over. */
static bool await(struct t_conn *conn, short events, int64_t deadline_ms)
{
    struct pollfd poll_one = {.fd = conn->fd, .events = events};
    int ready;
    do
        ready = poll(&poll_one, 1, t_left_ms(deadline_ms));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

static struct t_conn *connect_with(const char *host, int port, int receive_bytes)
{
    static int number;
    struct sockaddr_storage address;
    socklen_t len = make_address(host, port, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        t_fail("no socket: %s", strerror(errno));
    if (receive_bytes)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    struct t_conn *conn = t_conn_adopt(fd, t_text("client %d", ++number));
    int error = connect(fd, (struct sockaddr *)&address, len) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t size = sizeof(error);
        if (!await(conn, POLLOUT, t_deadline_ms()))
            t_fail("%s: no connection to %s port %d in time", conn->name, host, port);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error)
        t_fail("%s: no connection to %s port %d: %s", conn->name, host, port, strerror(error));
    return conn;
}

struct t_conn *t_connect(int port)
{
    return connect_with("127.0.0.1", port, 0);
}

struct t_conn *t_connect_to(const char *host, int port)
{
    return connect_with(host, port, 0);
}

struct t_conn *t_connect_small(int port, int receive_bytes)
{
    return connect_with("127.0.0.1", port, receive_bytes);
}

static ssize_t send_some(struct t_conn *conn, const void *data, size_t len)
{
    return conn->way ? conn->way->send(conn, data, len) : send(conn->fd, data, len, MSG_NOSIGNAL);
}

/* Sends all. Returns 0 or the errno that ended it; ETIMEDOUT when the peer does not read in time.
 */
static int send_all(struct t_conn *conn, const char *data, size_t len)
{
    if (conn->fd < 0)
        t_fail("%s is closed, and was to send", conn->name);
    int64_t deadline = t_deadline_ms();
    while (len) {
        ssize_t sent = send_some(conn, data, len);
        if (sent >= 0) {
            data += sent;
            len -= (size_t)sent;
            conn->sent += (uint64_t)sent;
            deadline = t_deadline_ms();
        } else if (errno != EAGAIN && errno != EINTR) {
            return errno;
        } else if (!await(conn, POLLOUT, deadline)) {
            return ETIMEDOUT;
        }
    }
    return 0;
}

void t_send_bytes(struct t_conn *conn, const void *data, size_t len)
{
    int error = send_all(conn, data, len);
    if (error)
        t_fail("%s cannot send \"%s\": %s", conn->name, t_escape(data, len),
               error == ETIMEDOUT ? "the peer does not read" : strerror(error));
}

void t_send(struct t_conn *conn, const char *text)
{
    t_send_bytes(conn, text, strlen(text));
}

void t_sendf(struct t_conn *conn, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    char *copy = t_copy(text, (size_t)len);
    free(text);
    t_send_bytes(conn, copy, (size_t)len);
}

bool t_try_send(struct t_conn *conn, const void *data, size_t len)
{
    int error = send_all(conn, data, len);
    if (error == ETIMEDOUT)
        t_fail("%s cannot send: the peer does not read", conn->name);
    return error == 0;
}

/* Has the peer closed or reset? */
static bool is_left_by_peer(struct t_conn *conn)
{
    struct pollfd poll_one = {.fd = conn->fd, .events = POLLRDHUP};
    return poll(&poll_one, 1, 0) > 0;
}

void t_await_read_by_peer(struct t_conn *conn)
{
    int64_t deadline = t_deadline_ms();
    for (;;) {
        uint64_t received = 0, unread = 0;
        bool found = t_tcp_peer(conn->fd, &received, &unread);
        if (found && received >= conn->sent && unread == 0)
            return;
        if (!found && is_left_by_peer(conn))
            return;
        if (!t_left_ms(deadline))
            t_fail("%s: the peer does not read: %s, %llu of %llu bytes there, %llu unread",
                   conn->name, found ? "its socket is there" : "it has no socket",
                   (unsigned long long)received, (unsigned long long)conn->sent,
                   (unsigned long long)unread);
        nanosleep(&(struct timespec){0, 50 * 1000}, NULL);
    }
}

void t_send_in_pieces(struct t_conn *conn, const void *data, size_t len, size_t piece)
{
    const char *from = data;
    while (len) {
        size_t now = len < piece ? len : piece;
        if (!t_try_send(conn, from, now))
            return;
        from += now;
        len -= now;
        t_await_read_by_peer(conn);
    }
}

void t_send_pattern(struct t_conn *conn, uint64_t len, uint64_t offset)
{
    char *piece = t_alloc(PATTERN_PIECE);
    while (len) {
        size_t now = len < PATTERN_PIECE ? (size_t)len : PATTERN_PIECE;
        t_pattern_fill(piece, now, offset);
        t_send_bytes(conn, piece, now);
        offset += now;
        len -= now;
    }
}

bool t_send_until_full(struct t_conn *conn, const void *data, size_t size, uint64_t *at,
                       uint64_t max)
{
    while (*at < max) {
        size_t from = *at % size, len = size - from;
        if (len > max - *at)
            len = (size_t)(max - *at);
        ssize_t sent = send_some(conn, (const char *)data + from, len);
        if (sent >= 0) {
            *at += (uint64_t)sent;
            conn->sent += (uint64_t)sent;
        } else if (errno == EAGAIN) {
            return true;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return false;
        } else if (errno != EINTR) {
            t_fail("%s cannot send after %llu bytes: %s", conn->name, (unsigned long long)*at,
                   strerror(errno));
        }
    }
    return false;
}

bool t_is_held_back(const struct t_conn *conn)
{
    int unacked = 0, unsent = 0;
    return ioctl(conn->fd, SIOCOUTQNSD, &unsent) == 0 && ioctl(conn->fd, SIOCOUTQ, &unacked) == 0 &&
           unsent > 0 && unacked == unsent;
}

void t_half_close(struct t_conn *conn)
{
    if (conn->way)
        conn->way->conclude(conn);
    if (shutdown(conn->fd, SHUT_WR) != 0)
        t_fail("%s cannot shut down its sending side: %s", conn->name, strerror(errno));
}

void t_close(struct t_conn *conn)
{
    if (conn->fd >= 0 && conn->way)
        conn->way->conclude(conn);
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

void t_reset(struct t_conn *conn)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    conn->way = NULL;
    if (conn->fd >= 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    t_close(conn);
}

/* The port in what getsockname or getpeername says. */
static int port_of(int (*get)(int, struct sockaddr *, socklen_t *), int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    if (get(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

int t_conn_port(const struct t_conn *conn)
{
    return port_of(getsockname, conn->fd);
}

int t_conn_peer_port(const struct t_conn *conn)
{
    return port_of(getpeername, conn->fd);
}
