#include "weir/net/stream.h"

#include "weir/base/assert.h"
#include "weir/net/call.h"

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

#define STREAM_OF(pointer, member)                                                                 \
    ((struct weir_stream *)(void *)((char *)(pointer)-offsetof(struct weir_stream, member)))

static void on_watch(struct weir_watch *watch, uint32_t events);

void weir_stream_init(struct weir_stream *stream, struct weir_loop *loop, int fd)
{
    stream->loop = loop;
    stream->fd = fd;
    stream->tls = NULL;
    stream->wants = WEIR_WANT_NONE;
    stream->is_closed = stream->has_copy = false;
    stream->watch = (struct weir_watch){.fd = fd, .by_edge = true, .on_ready = on_watch};
}

static void on_wake(struct weir_turn *turn);

static void put_tls(struct weir_stream *stream, struct weir_tls *tls)
{
    tls->stream = stream;
    tls->wake.run = on_wake;
    if (!weir_tls_bind(tls, stream->fd))
        tls->has_failed = true;
    stream->tls = tls;
}

void weir_stream_adopt(struct weir_stream *stream, struct weir_loop *loop,
                       struct weir_parcel *parcel)
{
    weir_stream_init(stream, loop, parcel->fd);
    stream->has_copy = true;
    if (parcel->tls)
        put_tls(stream, parcel->tls);
    *parcel = (struct weir_parcel){.fd = -1};
}

void weir_parcel_drop(struct weir_parcel *parcel)
{
    weir_tls_destroy(parcel->tls, false);
    if (parcel->fd >= 0)
        close(parcel->fd);
    *parcel = (struct weir_parcel){.fd = -1};
}

int weir_stream_start_tls(struct weir_stream *stream, struct ssl_st *ssl)
{
    struct weir_tls *tls = weir_tls_create(ssl);

    if (!tls)
        return -ENOMEM;
    put_tls(stream, tls);
    return 0;
}

int weir_stream_accept_tls(struct weir_stream *stream, struct ssl_ctx_st *context)
{
    struct weir_tls *tls = weir_tls_create_accepting(context);

    if (!tls)
        return -ENOMEM;
    put_tls(stream, tls);
    return 0;
}

int weir_stream_handshake(struct weir_stream *stream, unsigned *wants)
{
    return weir_tls_handshake(stream->tls, wants);
}

const char *weir_stream_tls_version(const struct weir_stream *stream)
{
    return stream->tls ? weir_tls_version(stream->tls) : NULL;
}

bool weir_stream_is_resumed(const struct weir_stream *stream)
{
    return stream->tls && weir_tls_is_resumed(stream->tls);
}

bool weir_stream_tls_subject(const struct weir_stream *stream, char *text, size_t size)
{
    text[0] = '\0';
    return stream->tls && weir_tls_subject(stream->tls, text, size);
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

/* Does a wish to read wait for room to write? */
static bool reads_by_writing(const struct weir_stream *stream)
{
    return stream->wants & WEIR_WANT_READ && weir_stream_reads_by_writing(stream);
}

static void on_watch(struct weir_watch *watch, uint32_t events)
{
    struct weir_stream *stream = STREAM_OF(watch, watch);
    unsigned ready = 0;

    if ((events & EPOLLERR) != 0) {
        /* Whoever reads or writes now learns the error; it would be told of for ever. */
        ready = stream->wants;
        stream->wants = WEIR_WANT_NONE;
        weir_loop_unwatch(stream->loop, watch);
    } else if (events == EPOLLHUP) {
        ready = stream->wants;
    } else {
        ready |= events & EPOLLIN ? WEIR_WANT_READ : 0;
        ready |= events & EPOLLOUT ? WEIR_WANT_WRITE : 0;
    }
    if (ready & WEIR_WANT_WRITE && reads_by_writing(stream))
        ready |= WEIR_WANT_READ;
    stream->on_ready(stream, ready);
}

static void on_wake(struct weir_turn *turn)
{
    struct weir_tls *tls = (struct weir_tls *)(void *)((char *)turn -
                                                       offsetof(struct weir_tls, wake));

    if (tls->stream->wants & WEIR_WANT_READ)
        tls->stream->on_ready(tls->stream, WEIR_WANT_READ);
}

/* What TLS makes of the wish to read: bytes may be here already, or the socket must take some first
 * for it. */
static uint32_t want_tls(struct weir_stream *stream)
{
    if (!(stream->wants & WEIR_WANT_READ) || !weir_tls_has_pending(stream->tls))
        weir_loop_cancel_turn(stream->loop, &stream->tls->wake);
    else
        weir_loop_next_turn(stream->loop, &stream->tls->wake);
    return reads_by_writing(stream) ? EPOLLOUT : 0;
}

int weir_stream_want(struct weir_stream *stream, unsigned wants)
{
    uint32_t events = 0;

    WEIR_ASSERT(!stream->is_closed);
    stream->wants = (uint8_t)wants;
    /* For nothing, TLS is not asked: its part may be with whoever took the connection. */
    if (wants == WEIR_WANT_NONE) {
        weir_loop_unwatch(stream->loop, &stream->watch);
        return 0;
    }
    /* Of a hangup epoll tells unasked. */
    events |= wants & WEIR_WANT_READ ? EPOLLIN : 0;
    events |= wants & WEIR_WANT_WRITE ? EPOLLOUT : 0;
    if (stream->tls)
        events |= want_tls(stream);
    return weir_loop_watch(stream->loop, &stream->watch, events);
}

static ssize_t receive(struct weir_stream *stream, char *data, size_t len, int flags)
{
    ssize_t n;

    do
        n = weir_call_recv(stream->fd, data, len, flags);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno != EAGAIN)
        return -errno;
    weir_watch_drain(&stream->watch, EPOLLIN);
    return WEIR_STREAM_PAUSED;
}

ssize_t weir_stream_read(struct weir_stream *stream, char *data, size_t len)
{
    ssize_t n;

    if (stream->tls)
        return weir_tls_read(stream->tls, data, len, false);
    n = receive(stream, data, len, 0);
    if (n > 0 && (size_t)n < len)
        weir_watch_drain(&stream->watch, EPOLLIN);
    return n;
}

ssize_t weir_stream_look(struct weir_stream *stream, char *data, size_t len)
{
    WEIR_ASSERT(!stream->tls);
    return receive(stream, data, len, MSG_PEEK);
}

void weir_stream_own_address(const struct weir_stream *stream, struct weir_address *address)
{
    *address = (struct weir_address){.len = sizeof(address->storage)};
    if (getsockname(stream->fd, &address->any, &address->len) != 0)
        *address = (struct weir_address){.len = 0};
}

ssize_t weir_stream_peek(struct weir_stream *stream)
{
    char byte;

    return stream->tls ? weir_tls_read(stream->tls, &byte, 1, true)
                       : weir_stream_look(stream, &byte, 1);
}

/* One slice is what most messages are, and the kernel takes it with less ado than a list of one. */
static ssize_t write_some(int fd, struct weir_gather *gather, int flags)
{
    struct weir_slice *slices = &gather->slices[gather->first];
    struct msghdr message = {
        .msg_iov = (struct iovec *)(void *)slices,
        .msg_iovlen = gather->n - gather->first,
    };

    if (message.msg_iovlen == 1)
        return weir_call_send(fd, slices->data, slices->len, flags);
    return weir_call_sendmsg(fd, &message, flags);
}

static ssize_t write_to(struct weir_stream *stream, struct weir_gather *gather, int flags)
{
    ssize_t n;

    if (stream->tls)
        return weir_tls_write(stream->tls, gather, &stream->loop->blocks);

    do
        n = write_some(stream->fd, gather, flags | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno != EAGAIN)
            return -errno;
        weir_watch_drain(&stream->watch, EPOLLOUT);
        return WEIR_STREAM_PAUSED;
    }
    weir_gather_advance(gather, (size_t)n);
    return n;
}

ssize_t weir_stream_write(struct weir_stream *stream, struct weir_gather *gather)
{
    return write_to(stream, gather, 0);
}

ssize_t weir_stream_write_last(struct weir_stream *stream, struct weir_gather *gather)
{
    if (stream->tls)
        weir_tls_hold_back(stream->tls);
    return write_to(stream, gather, MSG_MORE);
}

void weir_stream_ack(struct weir_stream *stream)
{
    int on = 1;

    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

int weir_stream_conclude(struct weir_stream *stream)
{
    return stream->tls ? weir_tls_shut(stream->tls) : 0;
}

int weir_stream_shut(struct weir_stream *stream)
{
    int error = weir_stream_conclude(stream);

    if (error)
        return error;
    shutdown(stream->fd, SHUT_WR);
    return 0;
}

static void drop_tls(struct weir_stream *stream, bool with_goodbye)
{
    if (stream->tls)
        weir_loop_cancel_turn(stream->loop, &stream->tls->wake);
    weir_tls_destroy(stream->tls, with_goodbye);
    stream->tls = NULL;
}

void weir_stream_strip(struct weir_stream *stream)
{
    drop_tls(stream, false);
}

static void on_reap(struct weir_task *task)
{
    struct weir_stream *stream = STREAM_OF(task, reap);

    stream->on_closed(stream);
}

/* Before its descriptor is closed. */
static void leave_loop(struct weir_stream *stream, bool with_goodbye)
{
    stream->is_closed = true;
    drop_tls(stream, with_goodbye);
    if (stream->has_copy)
        weir_loop_unwatch(stream->loop, &stream->watch);
    else
        weir_loop_forget(stream->loop, &stream->watch);
    stream->reap.run = on_reap;
    weir_loop_defer(stream->loop, &stream->reap);
}

void weir_stream_close(struct weir_stream *stream)
{
    if (stream->is_closed)
        return;
    leave_loop(stream, true);
    weir_call_close(stream->fd);
}

void weir_stream_reset(struct weir_stream *stream)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    if (stream->is_closed)
        return;
    leave_loop(stream, false);
    /* A Unix socket can't be reset, and has no TIME_WAIT: for all who hold it, this ends it. */
    if (connect(stream->fd, &nobody, sizeof(nobody)) != 0)
        shutdown(stream->fd, SHUT_RDWR);
    close(stream->fd);
}

int weir_stream_lift(struct weir_stream *stream, struct weir_parcel *parcel)
{
    int fd = fcntl(stream->fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    *parcel = (struct weir_parcel){.fd = fd, .tls = stream->tls};
    stream->tls = NULL;
    stream->has_copy = true;
    return 0;
}

int weir_stream_detach(struct weir_stream *stream, struct weir_parcel *parcel)
{
    int error = weir_stream_lift(stream, parcel);

    if (error)
        return error;
    if (parcel->tls)
        weir_loop_cancel_turn(stream->loop, &parcel->tls->wake);
    leave_loop(stream, false);
    close(stream->fd);
    return 0;
}
