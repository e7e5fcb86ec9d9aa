#include "weir/net/stream.h"

#include "weir/base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct weir_slice) == sizeof(struct iovec) &&
                   offsetof(struct weir_slice, data) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct weir_slice, len) == offsetof(struct iovec, iov_len),
               "slices are handed to sendmsg as they are");

#define STREAM_OF(handle) ((struct weir_stream *)(handle)->data)

void weir_stream_init(struct weir_stream *stream, struct weir_loop *loop, int fd)
{
    stream->loop = loop;
    stream->fd = fd;
    stream->wants = WEIR_WANT_NONE;
    stream->is_polled = stream->is_closed = false;
}

static int bind_source(int fd, const struct weir_address *source)
{
    int on = 1;

    /* Where the kernel does not know it, the port is chosen here, and is this connection's alone.
     */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, &source->any, source->len);
}

/* Does this host have any address to reach ADDRESS from? Where it has none (IPv6 is off) the kernel
 * gives the same error as where it has no port, but for datagrams too. */
static bool has_way(const struct weir_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = fd < 0 || connect(fd, &address->any, address->len) == 0 || errno != EADDRNOTAVAIL;

    if (fd >= 0)
        close(fd);
    return has;
}

/* EADDRNOTAVAIL is what connect(2) says; EAGAIN is the same from the kernel's inet_autobind. */
static bool is_out_of_ports(const struct weir_address *address, const struct weir_address *source,
                            int error)
{
    return address->any.sa_family != AF_UNIX &&
           (error == EAGAIN || (error == EADDRNOTAVAIL && (source || has_way(address))));
}

/* Says ERROR nothing about whom it was to be connected to? Source: socket(2), connect(2). */
static bool is_out_of_sockets(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

int weir_stream_connect(struct weir_stream *stream, struct weir_loop *loop,
                        const struct weir_address *address, const struct weir_address *source,
                        enum weir_connect_fault *fault)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, error;

    *fault = WEIR_CONNECT_FAULT_OTHER;
    if (fd < 0) {
        error = errno;
        if (is_out_of_sockets(error))
            *fault = WEIR_CONNECT_FAULT_SOCKETS;
        return -error;
    }
    if (address->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (source && bind_source(fd, source) != 0) {
        error = errno;
        *fault = WEIR_CONNECT_FAULT_SOURCE;
        goto fail;
    }
    if (connect(fd, &address->any, address->len) != 0 && errno != EINPROGRESS) {
        error = errno;
        if (error == EAGAIN && address->any.sa_family == AF_UNIX)
            *fault = WEIR_CONNECT_FAULT_FULL;
        else if (is_out_of_ports(address, source, error))
            *fault = WEIR_CONNECT_FAULT_PORTS;
        else if (is_out_of_sockets(error))
            *fault = WEIR_CONNECT_FAULT_SOCKETS;
        goto fail;
    }
    weir_stream_init(stream, loop, fd);
    return 0;
fail:
    close(fd);
    return -error;
}

int weir_stream_connected(struct weir_stream *stream)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return -errno;
    return -error;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct weir_stream *stream = STREAM_OF(poll);
    unsigned ready = 0;

    if (status < 0) {
        /* libuv has stopped the handle. Whoever reads or writes now learns the error. */
        ready = stream->wants;
        stream->wants = WEIR_WANT_NONE;
    } else {
        ready |= events & UV_READABLE ? WEIR_WANT_READ : 0;
        ready |= events & UV_WRITABLE ? WEIR_WANT_WRITE : 0;
        ready |= events & UV_PRIORITIZED ? WEIR_WANT_HANGUP : 0;
    }
    stream->on_ready(stream, ready);
}

int weir_stream_want(struct weir_stream *stream, unsigned wants)
{
    int events = 0, error;

    WEIR_ASSERT(!stream->is_closed);
    if (wants == stream->wants)
        return 0;
    if (!stream->is_polled) {
        error = uv_poll_init(&stream->loop->uv, &stream->poll, stream->fd);
        if (error)
            return error;
        stream->poll.data = stream;
        stream->is_polled = true;
    }
    stream->wants = (uint8_t)wants;
    if (wants == WEIR_WANT_NONE)
        return uv_poll_stop(&stream->poll);
    events |= wants & WEIR_WANT_READ ? UV_READABLE : 0;
    events |= wants & WEIR_WANT_WRITE ? UV_WRITABLE : 0;
    /* EPOLLPRI never comes by itself; asking for it alone leaves EPOLLHUP and EPOLLERR. */
    events |= wants & WEIR_WANT_HANGUP ? UV_PRIORITIZED : 0;
    return uv_poll_start(&stream->poll, events, on_poll);
}

ssize_t weir_stream_read(struct weir_stream *stream, char *data, size_t len)
{
    ssize_t n;

    do
        n = recv(stream->fd, data, len, 0);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN ? WEIR_STREAM_PAUSED : -errno;
}

ssize_t weir_stream_peek(struct weir_stream *stream)
{
    char byte;
    ssize_t n;

    do
        n = recv(stream->fd, &byte, 1, MSG_PEEK);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN ? WEIR_STREAM_PAUSED : -errno;
}

ssize_t weir_stream_write(struct weir_stream *stream, struct weir_gather *gather)
{
    struct msghdr message = {
        .msg_iov = (struct iovec *)(void *)&gather->slices[gather->first],
        .msg_iovlen = gather->n - gather->first,
    };
    ssize_t n;

    do
        n = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? WEIR_STREAM_PAUSED : -errno;
    weir_gather_advance(gather, (size_t)n);
    return n;
}

void weir_stream_ack(struct weir_stream *stream)
{
    int on = 1;

    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

void weir_stream_shut(struct weir_stream *stream)
{
    shutdown(stream->fd, SHUT_WR);
}

static void on_reap(struct weir_task *task)
{
    struct weir_stream *stream = (struct weir_stream *)(void *)((char *)task -
                                                                offsetof(struct weir_stream, reap));
    stream->on_closed(stream);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct weir_stream *stream = STREAM_OF(handle);
    stream->on_closed(stream);
}

/* The handle first: once uv_close has returned, libuv has no more to do with the descriptor. */
static void leave_loop(struct weir_stream *stream)
{
    stream->is_closed = true;
    if (stream->is_polled) {
        uv_close((uv_handle_t *)&stream->poll, on_handle_closed);
    } else {
        stream->reap.run = on_reap;
        weir_loop_defer(stream->loop, &stream->reap);
    }
}

void weir_stream_close(struct weir_stream *stream)
{
    if (stream->is_closed)
        return;
    leave_loop(stream);
    close(stream->fd);
}

void weir_stream_reset(struct weir_stream *stream)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    if (stream->is_closed)
        return;
    leave_loop(stream);
    /* A Unix socket can't be reset, and has no TIME_WAIT: for all who hold it, this ends it. */
    if (connect(stream->fd, &nobody, sizeof(nobody)) != 0)
        shutdown(stream->fd, SHUT_RDWR);
    close(stream->fd);
}

int weir_stream_detach(struct weir_stream *stream)
{
    int fd = fcntl(stream->fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    leave_loop(stream);
    close(stream->fd);
    return fd;
}
