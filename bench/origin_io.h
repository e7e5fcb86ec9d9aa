/* The bytes of one connection: what was read and not yet used, what was made and not yet written.
 */
#ifndef WEIR_BENCH_ORIGIN_IO_H
#define WEIR_BENCH_ORIGIN_IO_H

#include "origin_out.h"

#include <stdbool.h>
#include <stddef.h>

struct origin_io {
    int fd;        /* owned */
    bool may_read; /* the socket may have bytes */
    char *in;      /* read: the bytes from in_at to in_len are not yet used */
    size_t in_at;
    size_t in_len;
    size_t in_size;
    char *pending; /* not yet written; null when there is nothing */
    size_t pending_at;
    size_t pending_len;
};

enum origin_io_result {
    ORIGIN_IO_DONE,    /* read something, wrote all */
    ORIGIN_IO_BLOCKED, /* the socket is empty, or full */
    ORIGIN_IO_END,     /* the peer has closed or is gone */
};

/* Reads once, behind what is there. The buffer grows when it is full. */
enum origin_io_result origin_io_fill(struct origin_io *io);

/* Writes OUT and empties it; what the socket does not take becomes pending. Only when nothing is
 * pending. */
enum origin_io_result origin_io_write(struct origin_io *io, struct origin_out *out);

/* Writes what is pending. */
enum origin_io_result origin_io_flush(struct origin_io *io);

/* Waits for nothing: how many bytes the peer's kernel has not acknowledged. */
size_t origin_io_unacknowledged(const struct origin_io *io);

/* Closes the socket, with a reset if wanted, and frees the buffers. */
void origin_io_close(struct origin_io *io, bool resets);

#endif
