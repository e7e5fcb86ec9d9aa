#include "origin_io.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_SIZE = 64 * 1024 };

/* Makes room behind in_len. */
static void make_room(struct origin_io *io)
{
    if (io->in_at) {
        io->in_len -= io->in_at;
        memmove(io->in, io->in + io->in_at, io->in_len);
        io->in_at = 0;
    }
    if (io->in_len < io->in_size)
        return;
    io->in_size = io->in_size ? io->in_size * 2 : IN_SIZE;
    char *bigger = realloc(io->in, io->in_size);
    if (!bigger)
        abort();
    io->in = bigger;
}

enum origin_io_result origin_io_fill(struct origin_io *io)
{
    if (!io->may_read)
        return ORIGIN_IO_BLOCKED;
    make_room(io);
    size_t room = io->in_size - io->in_len;
    ssize_t got;
    do
        got = recv(io->fd, io->in + io->in_len, room, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        io->may_read = false;
        return ORIGIN_IO_BLOCKED;
    }
    if (got <= 0)
        return ORIGIN_IO_END;
    io->in_len += (size_t)got;
    /* A short read has emptied the socket: the next event says when there is more. */
    io->may_read = (size_t)got == room;
    return ORIGIN_IO_DONE;
}

/* Sends from DATA, counting in *DONE. */
static enum origin_io_result send_some(int fd, const char *data, size_t len, size_t *done)
{
    while (*done < len) {
        ssize_t sent = send(fd, data + *done, len - *done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? ORIGIN_IO_BLOCKED : ORIGIN_IO_END;
        *done += (size_t)sent;
    }
    return ORIGIN_IO_DONE;
}

enum origin_io_result origin_io_write(struct origin_io *io, struct origin_out *out)
{
    size_t done = 0, len = out->len;
    out->len = 0;
    enum origin_io_result result = send_some(io->fd, out->data, len, &done);
    if (result != ORIGIN_IO_BLOCKED)
        return result;
    io->pending_len = len - done;
    io->pending_at = 0;
    io->pending = malloc(io->pending_len);
    if (!io->pending)
        abort();
    memcpy(io->pending, out->data + done, io->pending_len);
    return result;
}

enum origin_io_result origin_io_flush(struct origin_io *io)
{
    if (!io->pending)
        return ORIGIN_IO_DONE;
    enum origin_io_result result = send_some(io->fd, io->pending, io->pending_len, &io->pending_at);
    if (result == ORIGIN_IO_DONE) {
        free(io->pending);
        io->pending = NULL;
    }
    return result;
}

size_t origin_io_unacknowledged(const struct origin_io *io)
{
    int bytes = 0;
    return ioctl(io->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

void origin_io_close(struct origin_io *io, bool resets)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (resets)
        setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(io->fd);
    free(io->in);
    free(io->pending);
}
