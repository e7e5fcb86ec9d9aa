#include "weir/proxy/tunnel.h"

#include "weir/http/upgrade.h"

/* So that one busy tunnel does not keep the worker from its other clients. */
enum { READS_A_TURN = 16 };

/* UP: from the client to the server. */
enum way { UP, DOWN };

static struct weir_flow *flow_of(struct weir_exchange *x, enum way way)
{
    return way == UP ? &x->up : &x->down;
}

static bool is_done(const struct weir_flow *flow)
{
    return flow->state != WEIR_SIDE_BODY && !flow->is_blocked && weir_gather_is_empty(&flow->out);
}

/* ---- Its end ---- */

/* All that was to be passed on has been; the kernel delivers it, so no reset must follow. */
static void close_in_order(struct weir_exchange *x, enum weir_close_reason reason)
{
    x->upconn->settings.close = WEIR_CLOSE_FIN;
    weir_exchange_let_go(x, reason);
    weir_exchange_end(x, x->client->has_ended ? WEIR_END_CLOSE : WEIR_END_LINGER);
}

static void cut(struct weir_exchange *x, enum weir_error error, enum weir_close_reason reason)
{
    weir_exchange_blame(x, error);
    weir_exchange_abort(x, reason);
}

static void on_client_gone(struct weir_exchange *x)
{
    cut(x, WEIR_CLIENT_GONE, WEIR_CLOSED_client_gone);
}

static void on_server_gone(struct weir_exchange *x)
{
    cut(x, WEIR_TUNNEL_RESET, WEIR_CLOSED_by_server_active);
}

void weir_tunnel_on_idle(struct weir_exchange *x)
{
    weir_exchange_blame(x, WEIR_TUNNEL_IDLE);
    if (weir_gather_is_empty(&x->up.out) && weir_gather_is_empty(&x->down.out))
        close_in_order(x, WEIR_CLOSED_idle_timeout);
    else
        weir_exchange_abort(x, WEIR_CLOSED_timeout);
}

/* ---- One direction ---- */

static void on_moved(struct weir_exchange *x)
{
    weir_loop_deadline(x->traffic->loop, &x->deadline, x->plan->config->tunnel_ms);
}

/* Tells the sink that no more comes; TLS may need room for that. */
static void send_end(struct weir_exchange *x, enum way way)
{
    struct weir_stream *sink = way == UP ? &x->upconn->stream : &x->client->stream;

    flow_of(x, way)->is_blocked = weir_stream_shut(sink) != 0;
}

/* Writes what there is. False: the sink takes no more, for now or at all. */
static bool flush(struct weir_exchange *x, enum way way)
{
    struct weir_flow *flow = flow_of(x, way);
    ssize_t n;

    if (weir_gather_is_empty(&flow->out)) {
        if (flow->state == WEIR_SIDE_ENDED && flow->is_blocked)
            send_end(x, way);
        return true;
    }
    n = way == UP ? weir_upconn_write(x->upconn, &flow->out)
                  : weir_client_write(x->client, &flow->out);
    if (n < 0 && n != WEIR_STREAM_PAUSED) {
        weir_flow_become(flow, WEIR_SIDE_BROKEN);
        flow->is_blocked = false;
        weir_gather_clear(&flow->out);
        return false;
    }
    if (n > 0)
        on_moved(x);
    flow->is_blocked = !weir_gather_is_empty(&flow->out);
    if (!flow->is_blocked)
        weir_gather_clear(&flow->out);
    return !flow->is_blocked;
}

/* The source's FIN: nothing is left to be written before it. */
static void on_end(struct weir_exchange *x, enum way way)
{
    weir_flow_become(flow_of(x, way), WEIR_SIDE_ENDED);
    send_end(x, way);
    /* With ours before it, the TIME_WAIT is not the server's. */
    if (way == DOWN && x->up.state == WEIR_SIDE_ENDED)
        x->upconn->ended_first = false;
}

/* What lies in the buffer joins what is to be written. False: it is over. */
static bool fill(struct weir_exchange *x, enum way way)
{
    struct weir_head_limits limits = weir_exchange_limits(x);
    struct weir_buffer *buffer = way == UP ? &x->client->in : &x->in;

    if (weir_flow_fill(flow_of(x, way), buffer, &limits) == WEIR_OK)
        return true;
    cut(x, WEIR_NO_MEMORY, WEIR_CLOSED_error);
    return false;
}

/* The request's head stays in the client's block for the access log. */
static uint32_t floor_of(const struct weir_exchange *x, enum way way)
{
    return way == UP && weir_exchange_is_logged(x) ? x->body_at : 0;
}

/* Reads into the empty buffer, and passes it on to be written. False: nothing for now, its end, or
 * the tunnel's. */
static bool take(struct weir_exchange *x, enum way way, bool *drained)
{
    struct weir_slab *blocks = &x->traffic->loop->blocks;
    struct weir_buffer *buffer = way == UP ? &x->client->in : &x->in;
    ssize_t n;

    buffer->at = buffer->end = floor_of(x, way);
    if (!weir_buffer_make_room(blocks, buffer, buffer->end, 1, WEIR_BLOCK_BYTES)) {
        cut(x, WEIR_NO_MEMORY, WEIR_CLOSED_error);
        return false;
    }
    char *data = buffer->block->data + buffer->end;
    size_t room = buffer->block->size - buffer->end;
    n = way == UP ? weir_client_read(x->client, data, room)
                  : weir_upconn_read(x->upconn, data, room);
    if (n > 0) {
        buffer->end += (uint32_t)n;
        *drained = (size_t)n < room;
        on_moved(x);
        return fill(x, way);
    }
    if (n == WEIR_STREAM_END)
        on_end(x, way);
    else if (n != WEIR_STREAM_PAUSED && way == UP)
        on_client_gone(x);
    else if (n != WEIR_STREAM_PAUSED)
        on_server_gone(x);
    return false;
}

/* Moves on in one direction. Returns whether the tunnel lives. */
static bool pump(struct weir_exchange *x, enum way way)
{
    bool drained = false;

    for (int reads = 0; flush(x, way) && flow_of(x, way)->state == WEIR_SIDE_BODY; reads++) {
        if (drained || reads == READS_A_TURN || !take(x, way, &drained))
            break;
    }
    return !weir_exchange_is_over(x);
}

/* ---- Both ---- */

/* What to hear of a stream that IN comes from and OUT goes to. Where nothing else is waited for, a
 * reset is; but not once its FIN is sent: with the peer's, that would be heard for ever. */
static unsigned wants_of(const struct weir_flow *in, const struct weir_flow *out)
{
    unsigned wants = 0;

    if (in->state == WEIR_SIDE_BODY && !in->is_blocked)
        wants |= WEIR_WANT_READ;
    if (out->is_blocked)
        wants |= WEIR_WANT_WRITE;
    if (wants == 0 && out->state == WEIR_SIDE_BODY)
        wants = WEIR_WANT_HANGUP;
    return wants;
}

/* An idle tunnel holds no buffers but the request's head, where that is to be logged. */
static void give_buffers(struct weir_exchange *x)
{
    struct weir_slab *blocks = &x->traffic->loop->blocks;

    if (weir_gather_is_empty(&x->down.out))
        weir_buffer_clear(blocks, &x->in);
    if (weir_gather_is_empty(&x->up.out) && !weir_exchange_is_logged(x))
        weir_buffer_clear(blocks, &x->client->in);
}

/* A side that takes no more has gone. What it sent before is passed on, as far as that goes now. */
static bool outlives_break(struct weir_exchange *x)
{
    if (x->down.state == WEIR_SIDE_BROKEN) {
        if (pump(x, UP))
            on_client_gone(x);
        return false;
    }
    if (x->up.state == WEIR_SIDE_BROKEN) {
        if (pump(x, DOWN))
            on_server_gone(x);
        return false;
    }
    return true;
}

/* After whatever has moved: is it over, and if not, what is waited for? */
static void settle(struct weir_exchange *x)
{
    if (!outlives_break(x))
        return;
    if (is_done(&x->up) && is_done(&x->down)) {
        close_in_order(x, WEIR_CLOSED_not_reusable);
        return;
    }
    give_buffers(x);
    if (weir_stream_want(&x->client->stream, wants_of(&x->up, &x->down)) != 0 ||
        weir_stream_want(&x->upconn->stream, wants_of(&x->down, &x->up)) != 0)
        cut(x, WEIR_NO_MEMORY, WEIR_CLOSED_error);
}

/* Nothing is read from STREAM, and it has gone. False: with an error. Without one (a Unix socket
 * whose other end is closed) it only takes no more: what it sent is still to be passed on. */
static bool outlives_hangup(struct weir_stream *stream, struct weir_flow *towards)
{
    if (weir_stream_connected(stream) != 0)
        return false;
    weir_flow_become(towards, WEIR_SIDE_ENDED);
    return true;
}

void weir_tunnel_on_client(struct weir_exchange *x, unsigned ready)
{
    if ((ready & WEIR_WANT_HANGUP) && !outlives_hangup(&x->client->stream, &x->down)) {
        on_client_gone(x);
        return;
    }
    if ((ready & WEIR_WANT_WRITE) && !pump(x, DOWN))
        return;
    if ((ready & WEIR_WANT_READ) && !pump(x, UP))
        return;
    settle(x);
}

static void on_server(void *owner, unsigned ready)
{
    struct weir_exchange *x = owner;

    if ((ready & WEIR_WANT_HANGUP) && !outlives_hangup(&x->upconn->stream, &x->up)) {
        on_server_gone(x);
        return;
    }
    if ((ready & WEIR_WANT_WRITE) && !pump(x, UP))
        return;
    if ((ready & WEIR_WANT_READ) && !pump(x, DOWN))
        return;
    settle(x);
}

/* ---- Its beginning ---- */

bool weir_tunnel_is_agreed(const struct weir_exchange *x, const char *base)
{
    return x->response_head.status == 101 && x->request.asks_upgrade &&
           x->up.state == WEIR_SIDE_ENDED && weir_flow_is_written(&x->up) &&
           weir_upgrade_is_answered(&x->response_head, base, &x->request_head,
                                    weir_exchange_base(x));
}

/* From a request in progress to a tunnel, in all figures. */
static void count(struct weir_exchange *x)
{
    struct weir_listener_counters *listener = weir_client_counters(x->client);
    struct weir_server_slot *slot = &x->upconn->server->slots[x->traffic->worker];
    struct weir_pool_slot *pool = &x->pool->pool->slots[x->traffic->worker];

    weir_count(&listener->requests_active, (uint64_t)-1);
    weir_count(&pool->counters.requests_active, (uint64_t)-1);
    weir_count(&slot->counters.requests_active, (uint64_t)-1);
    weir_count(&listener->tunnels_active, 1);
    weir_count(&listener->tunnels_total, 1);
    weir_count(&slot->counters.tunnels_active, 1);
    weir_count(&slot->counters.tunnels_total, 1);
    weir_histogram_add(&slot->response_us, weir_loop_now_us(x->traffic->loop) - x->relayed_us);
    weir_exchange_count_answer(x, 101);
}

void weir_tunnel_begin(struct weir_exchange *x, const char *base)
{
    static const struct weir_upconn_events events = {.on_ready = on_server};
    struct weir_editor editor;

    weir_exchange_wait(x, WEIR_OK);
    weir_deadline_cancel(&x->client->deadline);
    weir_exchange_become(x, WEIR_EXCHANGE_TUNNELLING);
    count(x);
    x->upconn->events = &events;
    x->upconn->settings.close = WEIR_CLOSE_RESET; /* whatever cuts it */
    x->head_sent = true;
    weir_editor_init(&editor, x, WEIR_EDIT_RESPONSE);
    weir_forward_switch(&x->down.out, &x->response_head, base, &editor);
    weir_flow_begin_raw(&x->up);
    weir_flow_begin_raw(&x->down);
    on_moved(x);
    if (fill(x, UP) && fill(x, DOWN) && pump(x, DOWN) && pump(x, UP))
        settle(x);
}
