/* Spools: lines on their way to a file that may be slow, full or read by nobody, from threads that
 * must not wait for it. Each such thread has a lane, a ring of bytes that a writer thread of the
 * spool's own empties. Where the ring is full the line is dropped, and counted.
 *
 * Lines are written whole and in their lane's order; between lanes they may be off by
 * milliseconds. One that the file took in part is finished before anything else is written. While
 * the file takes nothing (a full disk, a pipe that nobody reads), lines wait in the rings. */
#ifndef WEIR_BASE_SPOOL_H
#define WEIR_BASE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEIR_SPOOL_LINE_MAX = 65536,      /* bytes of a line, its end included */
    WEIR_SPOOL_RING_BYTES = 1u << 21, /* of each lane */
};

/* Counted by those who may put lines into it: the generations that name its file. The last to go
 * has what is left written, and never waits for that. */
struct weir_spool;

/* All spools of the process. Owned by control; Thread: control's, all of it. */
struct weir_spools {
    struct weir_spool *all;
    struct {
        uint64_t written, dropped, failed;
    } past; /* of those that have ended */
};

struct weir_spool_figures {
    uint64_t written; /* lines */
    uint64_t dropped; /* lines: there was no room, or weir ended before they could be written */
    uint64_t failed;  /* attempts to write or to open the file that ended in an error */
};

/* Opens PATH for appending and starts its writer. A pipe with a name needs no reader. NAME is what
 * log lines call it; it must last for ever. Owns: one reference for the caller.
 * Fails: NULL, *error is -errno. */
struct weir_spool *weir_spools_open(struct weir_spools *spools, const char *name, const char *path,
                                    unsigned n_lanes, int *error);

/* Has each writer open its file again by its path. A file that can't be opened leaves the old one
 * in use; the writer says so in the log. */
void weir_spools_reopen(struct weir_spools *spools);

struct weir_spool_figures weir_spools_figures(struct weir_spools *spools);

/* Every spool must have lost its last reference. Blocks: until all is written, WAIT_MS at most. */
void weir_spools_fini(struct weir_spools *spools, uint64_t wait_ms);

const char *weir_spool_path(const struct weir_spool *spool);

/* Thread: any. */
struct weir_spool *weir_spool_ref(struct weir_spool *spool);
void weir_spool_unref(struct weir_spool *spool);

/* Where the lane's next line can be made up: WEIR_SPOOL_LINE_MAX bytes, valid until the next call.
 * Thread: the lane's. */
char *weir_spool_desk(struct weir_spool *spool, unsigned lane);

/* Takes a copy of a line, of which the last byte must be the only '\n', or drops it. Costs a system
 * call only where the writer is asleep: at most once in 20 ms. Thread: the lane's. */
void weir_spool_put(struct weir_spool *spool, unsigned lane, const char *line, size_t len);

#endif
