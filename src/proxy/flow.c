#include "weir/proxy/flow.h"

#include "weir/base/assert.h"
#include "weir/proxy/forward.h"

#include <stdio.h>

/* What one round may add besides a slice: a chunk's end, the last chunk, the trailers' end. */
enum { ROOM_FOR_ENDS = 8, NO_MARK = -1 };

static const unsigned legal[WEIR_SIDE_STATE_COUNT] = {
    [WEIR_SIDE_HEAD] = 1u << WEIR_SIDE_BODY | 1u << WEIR_SIDE_ENDED | 1u << WEIR_SIDE_BROKEN,
    [WEIR_SIDE_BODY] = 1u << WEIR_SIDE_ENDED | 1u << WEIR_SIDE_BROKEN,
    [WEIR_SIDE_ENDED] = 1u << WEIR_SIDE_BROKEN,
    [WEIR_SIDE_BROKEN] = 0,
};

void weir_flow_init(struct weir_flow *flow)
{
    flow->state = WEIR_SIDE_HEAD;
    flow->sink = WEIR_FRAMING_NONE;
    flow->is_blocked = flow->copies = false;
    weir_body_init(&flow->body, (struct weir_framing){.kind = WEIR_FRAMING_NONE});
    weir_gather_init(&flow->out);
    flow->edits = NULL;
    flow->pipe = NULL;
}

bool weir_flow_can_splice(struct weir_flow *flow, const struct weir_stream *source,
                          const struct weir_stream *sink)
{
    struct weir_loop *loop = source->loop;

    if (flow->copies || flow->body.kind != WEIR_FRAMING_LENGTH ||
        flow->sink != WEIR_FRAMING_LENGTH ||
        (!flow->pipe && flow->body.left <= WEIR_SPLICE_BYTES_MIN) ||
        !weir_stream_is_plain(source) || !weir_stream_is_plain(sink))
        return false;
    if (!flow->pipe)
        flow->pipe = weir_pipe_take(&loop->pipes, weir_loop_now_ms(loop));
    return flow->pipe != NULL;
}

bool weir_flow_has_to_copy(struct weir_flow *flow, const struct weir_stream *source, ssize_t n)
{
    if (n == WEIR_STREAM_PAUSED && source->watch.keeps_telling)
        flow->copies = true;
    return flow->copies;
}

void weir_flow_drop_pipe(struct weir_flow *flow, struct weir_loop *loop)
{
    weir_pipe_give(&loop->pipes, &flow->pipe);
}

void weir_flow_rest(struct weir_flow *flow, struct weir_loop *loop)
{
    if (flow->pipe && flow->pipe->held == 0)
        weir_flow_drop_pipe(flow, loop);
}

void weir_flow_begin_raw(struct weir_flow *flow)
{
    uint64_t content_bytes = flow->body.content_bytes;

    WEIR_ASSERT(flow->state == WEIR_SIDE_HEAD || flow->state == WEIR_SIDE_ENDED);
    flow->state = WEIR_SIDE_BODY;
    flow->sink = WEIR_FRAMING_CLOSE;
    weir_body_init(&flow->body, (struct weir_framing){.kind = WEIR_FRAMING_CLOSE});
    flow->body.content_bytes = content_bytes;
}

void weir_flow_become(struct weir_flow *flow, enum weir_side_state state)
{
    WEIR_ASSERT(legal[flow->state] & 1u << state);
    flow->state = state;
}

/* Content as it lies in the buffer. A chunked sink gets one chunk for all of a round, with a size
 * that is written when the round is over. Returns how the round ended. */
static enum weir_body_event take_content(struct weir_flow *flow, struct weir_buffer *buffer)
{
    bool is_chunked = flow->sink == WEIR_FRAMING_CHUNKED;
    enum weir_body_event event = WEIR_BODY_MORE;
    uint64_t taken = 0;
    int64_t mark = NO_MARK;

    while (weir_gather_room(&flow->out) > ROOM_FOR_ENDS) {
        struct weir_slice slice;
        size_t used;

        event = weir_body_next(&flow->body, buffer->block ? buffer->block->data + buffer->at : "",
                               buffer->end - buffer->at, &used, &slice);
        buffer->at += (uint32_t)used;
        if (event != WEIR_BODY_DATA)
            break;
        if (is_chunked && mark == NO_MARK)
            mark = weir_gather_mark(&flow->out);
        weir_gather_add(&flow->out, slice);
        taken += slice.len;
    }
    if (mark != NO_MARK) {
        char size[24];
        int len = snprintf(size, sizeof(size), "%llx\r\n", (unsigned long long)taken);
        weir_gather_fill(&flow->out, (uint32_t)mark, weir_slice_make(size, (size_t)len));
        weir_gather_add(&flow->out, weir_slice_from("\r\n"));
    }
    return event;
}

/* The whole trailer section must lie in the buffer; until it does, it is looked at afresh. */
static enum weir_error take_trailers(struct weir_flow *flow, struct weir_buffer *buffer,
                                     const struct weir_head_limits *limits)
{
    const char *base = buffer->block->data + buffer->at;
    struct weir_head trailers;
    enum weir_error error;

    weir_head_init(&trailers, WEIR_HEAD_TRAILERS);
    error = weir_head_parse(&trailers, base, buffer->end - buffer->at, limits);
    if (!error && trailers.complete) {
        buffer->at += trailers.end;
        weir_body_end(&flow->body);
        if (flow->sink == WEIR_FRAMING_CHUNKED) {
            weir_gather_add(&flow->out, weir_slice_from("0\r\n"));
            weir_forward_trailers(&flow->out, &trailers, base, flow->edits);
            weir_gather_add(&flow->out, weir_slice_from("\r\n"));
        }
        weir_flow_become(flow, WEIR_SIDE_ENDED);
    }
    weir_head_fini(&trailers);
    return error ? WEIR_BAD_CHUNK : WEIR_OK;
}

void weir_flow_end(struct weir_flow *flow)
{
    if (flow->sink == WEIR_FRAMING_CHUNKED)
        weir_gather_add(&flow->out, weir_slice_from("0\r\n\r\n"));
    weir_flow_become(flow, WEIR_SIDE_ENDED);
}

enum weir_error weir_flow_fill(struct weir_flow *flow, struct weir_buffer *buffer,
                               const struct weir_head_limits *limits)
{
    enum weir_error error = WEIR_OK;

    switch (take_content(flow, buffer)) {
    case WEIR_BODY_BAD:
        return WEIR_BAD_CHUNK;
    case WEIR_BODY_TRAILERS:
        error = take_trailers(flow, buffer, limits);
        break;
    case WEIR_BODY_END:
        weir_flow_end(flow);
        break;
    default:
        break;
    }
    return weir_gather_has_failed(&flow->out) ? WEIR_NO_MEMORY : error;
}

bool weir_buffer_make_room(struct weir_slab *blocks, struct weir_buffer *buffer, uint32_t floor,
                           uint32_t room, uint32_t size_max)
{
    struct weir_block *larger;

    if (!buffer->block) {
        buffer->block = weir_block_take(blocks, WEIR_BLOCK_BYTES);
        buffer->at = buffer->end = 0;
    }
    if (!buffer->block)
        return false;
    if (buffer->block->size - buffer->end >= room)
        return true;
    if (buffer->at > floor) {
        memmove(buffer->block->data + floor, buffer->block->data + buffer->at,
                buffer->end - buffer->at);
        buffer->end -= buffer->at - floor;
        buffer->at = floor;
    }
    if (buffer->block->size - buffer->end >= room || buffer->end + room > size_max)
        return buffer->end + room <= buffer->block->size;
    larger = weir_block_take(blocks, size_max);
    if (!larger)
        return false;
    memcpy(larger->data, buffer->block->data, buffer->end);
    weir_block_give(blocks, &buffer->block);
    buffer->block = larger;
    return true;
}

void weir_buffer_clear(struct weir_slab *blocks, struct weir_buffer *buffer)
{
    weir_block_give(blocks, &buffer->block);
    buffer->at = buffer->end = 0;
}
