/* Pipes through which bytes go from socket to socket without being copied (splice(2)).
 *
 * A pipe is taken while bytes are on their way and filled only while it is empty: what is in it is
 * one flow's alone. One that is given back with bytes left in it is closed, never used again. A
 * loop has a bounded number of them: whoever gets none copies.
 *
 * Thread: each set belongs to one loop. */
#ifndef WEIR_NET_PIPE_H
#define WEIR_NET_PIPE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct weir_stream;

/* Of a loop. Each has two descriptors. */
enum { WEIR_PIPES_MAX = 64 };

struct weir_pipe {
    int ends[2]; /* read, write: as pipe2 has them */
    size_t held; /* bytes in it */
    struct weir_pipe *next;
};

struct weir_pipes {
    struct weir_pipe *free;
    unsigned n_free, n_open;
    uint64_t refused_ms; /* when the system last refused one; 0: never */
};

void weir_pipes_fini(struct weir_pipes *pipes);

/* Fails: NULL, none is to be had now. */
struct weir_pipe *weir_pipe_take(struct weir_pipes *pipes, uint64_t now_ms);
/* Gives *pipe back and empties it; nothing happens when it is NULL. */
void weir_pipe_give(struct weir_pipes *pipes, struct weir_pipe **pipe);

/* Moves at most MAX bytes that STREAM has into the empty pipe. Returns as weir_stream_read. */
ssize_t weir_pipe_fill(struct weir_pipe *pipe, struct weir_stream *stream, size_t max);
/* Moves what the pipe holds to STREAM. Returns as weir_stream_write. */
ssize_t weir_pipe_drain(struct weir_pipe *pipe, struct weir_stream *stream);

#endif
