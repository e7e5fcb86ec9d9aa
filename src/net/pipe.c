#include "weir/net/pipe.h"

#include "weir/base/assert.h"
#include "weir/net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* PIPE_BYTES: what each holds at most. */
enum { PIPES_KEPT = 8, PIPE_BYTES = 262144, REFUSED_PAUSE_MS = 1000 };

/* What a pipe has without asking. Beyond the user's share (pipe(7), pipe-user-pages-soft) new ones
 * are so small that copying is better. */
enum { PIPE_BYTES_MIN = 65536 };

static void destroy(struct weir_pipes *pipes, struct weir_pipe *pipe)
{
    close(pipe->ends[0]);
    close(pipe->ends[1]);
    free(pipe);
    pipes->n_open--;
}

void weir_pipes_fini(struct weir_pipes *pipes)
{
    while (pipes->free) {
        struct weir_pipe *pipe = pipes->free;
        pipes->free = pipe->next;
        destroy(pipes, pipe);
    }
    WEIR_ASSERT(pipes->n_open == 0);
    pipes->n_free = 0;
}

static bool make(struct weir_pipe *pipe)
{
    if (pipe2(pipe->ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return false;
    if (fcntl(pipe->ends[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES ||
        fcntl(pipe->ends[1], F_GETPIPE_SZ) >= PIPE_BYTES_MIN)
        return true;
    close(pipe->ends[0]);
    close(pipe->ends[1]);
    return false;
}

static struct weir_pipe *open_one(struct weir_pipes *pipes, uint64_t now_ms)
{
    struct weir_pipe *pipe;

    if (pipes->n_open == WEIR_PIPES_MAX ||
        (pipes->refused_ms > 0 && now_ms < pipes->refused_ms + REFUSED_PAUSE_MS))
        return NULL;
    pipe = malloc(sizeof(*pipe));
    if (!pipe || !make(pipe)) {
        free(pipe);
        pipes->refused_ms = now_ms;
        return NULL;
    }
    pipe->held = 0;
    pipes->n_open++;
    return pipe;
}

struct weir_pipe *weir_pipe_take(struct weir_pipes *pipes, uint64_t now_ms)
{
    struct weir_pipe *pipe = pipes->free;

    if (!pipe)
        return open_one(pipes, now_ms);
    pipes->free = pipe->next;
    pipes->n_free--;
    return pipe;
}

void weir_pipe_give(struct weir_pipes *pipes, struct weir_pipe **pipe)
{
    if (!*pipe)
        return;
    if ((*pipe)->held > 0 || pipes->n_free == PIPES_KEPT) {
        destroy(pipes, *pipe);
    } else {
        (*pipe)->next = pipes->free;
        pipes->free = *pipe;
        pipes->n_free++;
    }
    *pipe = NULL;
}

static ssize_t move(int from, int to, size_t len)
{
    ssize_t n;

    do
        n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN ? WEIR_STREAM_PAUSED : -errno;
}

ssize_t weir_pipe_fill(struct weir_pipe *pipe, struct weir_stream *stream, size_t max)
{
    ssize_t n;

    WEIR_ASSERT(pipe->held == 0); /* so that what pauses it is the stream, not the pipe */
    n = move(stream->fd, pipe->ends[1], max < PIPE_BYTES ? max : PIPE_BYTES);
    if (n > 0)
        pipe->held = (size_t)n;
    else if (n == WEIR_STREAM_PAUSED)
        weir_watch_drain(&stream->watch, EPOLLIN);
    return n;
}

ssize_t weir_pipe_drain(struct weir_pipe *pipe, struct weir_stream *stream)
{
    ssize_t n = move(pipe->ends[0], stream->fd, pipe->held);

    if (n > 0)
        pipe->held -= (size_t)n;
    else if (n == WEIR_STREAM_PAUSED)
        weir_watch_drain(&stream->watch, EPOLLOUT);
    return n;
}
