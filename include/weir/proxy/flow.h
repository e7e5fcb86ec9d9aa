/* One direction of an exchange: from a source's buffer, understood, to what a sink is to be sent.
 *
 * Thread: its exchange's. Owned by it. */
#ifndef WEIR_PROXY_FLOW_H
#define WEIR_PROXY_FLOW_H

#include "weir/base/gather.h"
#include "weir/base/slab.h"
#include "weir/http/body.h"
#include "weir/proxy/client.h"

#define WEIR_SIDE_STATES(X) X(HEAD) X(BODY) X(ENDED) X(BROKEN)

enum weir_side_state {
#define WEIR_SIDE_ROW(name) WEIR_SIDE_##name,
    WEIR_SIDE_STATES(WEIR_SIDE_ROW)
#undef WEIR_SIDE_ROW
        WEIR_SIDE_STATE_COUNT
};

/* One direction: bytes of a source, understood, on their way to a sink. A full sink stops the
 * source: nothing is read while `out` holds anything. */
struct weir_flow {
    enum weir_side_state state;
    enum weir_framing_kind sink; /* how the body is framed where it goes */
    bool is_blocked;             /* the sink took less than there was */
    bool copies;                 /* nothing is to be spliced any more */
    struct weir_body body;
    const struct weir_edits *edits; /* which trailers do not go on; NULL: none of these */
    struct weir_pipe *pipe; /* what it holds comes in place of `out`; NULL: nothing is spliced */
    struct weir_gather out;
};

void weir_flow_init(struct weir_flow *flow);
void weir_flow_become(struct weir_flow *flow, enum weir_side_state state);

/* Has the sink taken everything? */
static inline bool weir_flow_is_written(const struct weir_flow *flow)
{
    return weir_gather_is_empty(&flow->out) && (!flow->pipe || flow->pipe->held == 0);
}

/* Once more than this is left of a body whose length is known, it goes through a pipe: see
 * docs/performance.md. */
enum { WEIR_SPLICE_BYTES_MIN = 32768 };

/* Splicing from SOURCE came to N: is the rest of the body to be read and written in its place?
 * splice(2) stops in front of an urgent byte and never gets behind it; recv(2) does. */
bool weir_flow_has_to_copy(struct weir_flow *flow, const struct weir_stream *source, ssize_t n);

/* May the next bytes of the body go from SOURCE to SINK without being seen, and has it a pipe for
 * them? Nothing of it may be in a buffer. */
bool weir_flow_can_splice(struct weir_flow *flow, const struct weir_stream *source,
                          const struct weir_stream *sink);

/* Gives the pipe back, whatever is in it, or only an empty one. */
void weir_flow_drop_pipe(struct weir_flow *flow, struct weir_loop *loop);
void weir_flow_rest(struct weir_flow *flow, struct weir_loop *loop);

/* A flow that is at its end, or has not begun, begins anew: whatever comes is content, until its
 * source ends. What has been counted stays counted. */
void weir_flow_begin_raw(struct weir_flow *flow);

/* Moves the flow's understood bytes from a buffer to `out`; ENDED once the end is among them.
 * Returns WEIR_OK, or what is wrong. */
enum weir_error weir_flow_fill(struct weir_flow *flow, struct weir_buffer *buffer,
                               const struct weir_head_limits *limits);

/* The body is complete: its end mark joins what is to be written. */
void weir_flow_end(struct weir_flow *flow);

/* Makes room for at least ROOM bytes more: by taking a block, by moving what is not understood yet
 * down to FLOOR, by a larger block of SIZE_MAX. Fails: false, there is no more to be had. */
bool weir_buffer_make_room(struct weir_slab *blocks, struct weir_buffer *buffer, uint32_t floor,
                           uint32_t room, uint32_t size_max);
void weir_buffer_clear(struct weir_slab *blocks, struct weir_buffer *buffer);

#endif
