/* The request's side: from the client's buffer and stream to the upstream connection.
 *
 * The body passes through the client's block, behind the head. As long as it fits there, the
 * request can be sent again; once room is needed, what was sent makes way and it can't. */
#include "weir/base/assert.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/forward.h"

#include <errno.h>

enum { READS_A_TURN = 16, HOST_TEXT = WEIR_ADDRESS_TEXT_MAX };

static bool is_trusted(const struct weir_exchange *x, const struct weir_address *peer)
{
    const struct weir_config_listener *config = x->plan->config;

    for (size_t i = 0; i < config->n_trusted; i++) {
        if (weir_network_has(&config->trusted[i], peer))
            return true;
    }
    return false;
}

void weir_request_start(struct weir_exchange *x)
{
    char peer_host[HOST_TEXT];
    struct weir_address peer;

    weir_client_address(x->client, &peer);
    struct weir_forward_request forward = {
        .head = &x->request_head,
        .base = weir_exchange_base(x),
        .request = &x->request,
        .forwarded = x->plan->config->forwarded,
        .peer_is_trusted = is_trusted(x, &peer),
        .peer_host = weir_address_describe_host(&peer, peer_host),
        .server_name = x->upconn->server->name,
    };
    weir_forward_request(&x->up.out, &forward);
    weir_flow_become(&x->up, WEIR_SIDE_BODY);
    weir_request_pump(x);
}

void weir_request_rewind(struct weir_exchange *x)
{
    WEIR_ASSERT(x->is_replayable);
    weir_gather_clear(&x->up.out);
    x->client->in.at = x->body_at;
    x->up.state = WEIR_SIDE_HEAD; /* the one step back: another attempt begins */
    x->up.is_blocked = false;
    weir_body_init(&x->up.body, x->request.framing);
}

/* All of it is with the server's kernel: now it is the server's turn. */
static void await_answer(struct weir_exchange *x)
{
    if (!x->down.is_blocked)
        weir_deadline_cancel(&x->client->deadline);
    if (x->down.state != WEIR_SIDE_HEAD)
        return;
    /* From now on: what ran may have been the wait for a 100. */
    weir_exchange_wait(x, WEIR_OK);
    weir_exchange_wait(x, WEIR_RESPONSE_TIMEOUT);
}

/* The server takes no more. It may have answered all the same: that is read first. */
static void on_refused(struct weir_exchange *x)
{
    weir_flow_become(&x->up, WEIR_SIDE_BROKEN);
    x->up.is_blocked = false;
    weir_gather_clear(&x->up.out);
    await_answer(x);
    if (weir_stream_want(&x->upconn->stream, WEIR_WANT_READ) != 0)
        weir_exchange_fail(x, WEIR_NO_MEMORY);
    else if (!x->down.is_blocked)
        weir_response_pump(x);
}

/* Writes what there is. False: it has to wait, or is over. */
static bool write_out(struct weir_exchange *x)
{
    ssize_t n = weir_upconn_write(x->upconn, &x->up.out);

    if (n < 0 && n != WEIR_STREAM_PAUSED) {
        /* EPIPE would mean that a FIN had come before it; the next read could not tell. */
        x->was_reset = n == -ECONNRESET;
        on_refused(x);
        return false;
    }
    /* An answer that has begun may wait for this: it does not stall. */
    if (n > 0 && x->down.state == WEIR_SIDE_BODY && !x->down.is_blocked)
        weir_exchange_wait(x, WEIR_STALL);
    if (!weir_gather_is_empty(&x->up.out)) {
        x->up.is_blocked = true;
        if (x->down.state == WEIR_SIDE_HEAD)
            weir_exchange_wait(x, WEIR_STALL);
        if (!x->down.is_blocked)
            weir_deadline_cancel(&x->client->deadline);
        if (weir_stream_want(&x->upconn->stream, WEIR_WANT_READ | WEIR_WANT_WRITE) != 0)
            weir_exchange_fail(x, WEIR_NO_MEMORY);
        return false;
    }
    weir_gather_clear(&x->up.out);
    if (x->up.is_blocked) {
        x->up.is_blocked = false;
        if (weir_stream_want(&x->upconn->stream, WEIR_WANT_READ) != 0) {
            weir_exchange_fail(x, WEIR_NO_MEMORY);
            return false;
        }
    }
    return true;
}

static void await_body(struct weir_exchange *x)
{
    struct weir_client *client = x->client;

    /* Until the server says 100, the client waits for it, not it for the client. */
    bool awaits_server = x->request.expects_continue && !x->was_continued &&
                         x->up.body.content_bytes == 0;

    if (x->down.state == WEIR_SIDE_HEAD)
        weir_exchange_wait(x, awaits_server ? WEIR_RESPONSE_TIMEOUT : WEIR_OK);
    if (awaits_server && !x->down.is_blocked)
        weir_deadline_cancel(&client->deadline);
    else if (!x->down.is_blocked)
        weir_loop_deadline(client->traffic->loop, &client->deadline, x->plan->config->body_ms);
    if (weir_stream_want(&client->stream,
                         WEIR_WANT_READ | (x->down.is_blocked ? WEIR_WANT_WRITE : 0u)) != 0)
        weir_exchange_fail(x, WEIR_NO_MEMORY);
}

/* The client sends no more of the body. An answer that has begun goes on, as it may be the reason;
 * the server learns that the body is cut. */
static void on_cut(struct weir_exchange *x)
{
    struct weir_client *client = x->client;

    if (!x->head_sent) {
        weir_exchange_fail(x, WEIR_BODY_CUT);
        return;
    }
    weir_flow_become(&x->up, WEIR_SIDE_BROKEN);
    weir_stream_shut(&x->upconn->stream);
    if (!x->down.is_blocked)
        weir_deadline_cancel(&client->deadline);
    if (weir_stream_want(&client->stream,
                         x->down.is_blocked ? WEIR_WANT_WRITE : WEIR_WANT_HANGUP) != 0)
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
}

/* Reads more of the body into the block. False: nothing for now, or it is over. */
static bool read_body(struct weir_exchange *x, bool *drained)
{
    struct weir_client *client = x->client;
    struct weir_buffer *in = &client->in;
    ssize_t n;

    if (in->end == in->block->size || (!x->is_replayable && in->at == in->end)) {
        x->is_replayable = false;
        if (!weir_buffer_make_room(&client->traffic->loop->blocks, in, x->body_at,
                                   (uint32_t)in->block->size - x->body_at - (in->end - in->at),
                                   (uint32_t)in->block->size) ||
            in->end == in->block->size) {
            weir_exchange_fail(x, WEIR_BAD_CHUNK); /* trailers without end */
            return false;
        }
    }
    size_t room = in->block->size - in->end;
    n = weir_client_read(client, in->block->data + in->end, room);
    if (n > 0) {
        in->end += (uint32_t)n;
        /* TLS gives no more than a record at a time. */
        *drained = (size_t)n < room && weir_stream_is_plain(&client->stream);
        return true;
    }
    if (n == WEIR_STREAM_PAUSED)
        await_body(x);
    else if (n == WEIR_STREAM_END)
        on_cut(x);
    else
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
    return false;
}

/* What is understood of the body joins what is to be written. False: it is over. */
static bool fill(struct weir_exchange *x)
{
    struct weir_head_limits limits = weir_exchange_limits(x);
    uint64_t max = x->plan->config->body_bytes_max;
    enum weir_error error = weir_flow_fill(&x->up, &x->client->in, &limits);

    if (!error && max > 0 && x->up.body.content_bytes > max)
        error = WEIR_BODY_TOO_LARGE;
    if (error)
        weir_exchange_fail(x, error);
    return !error;
}

void weir_request_pump(struct weir_exchange *x)
{
    bool drained = false;
    int reads = 0;

    for (;;) {
        if (x->up.state == WEIR_SIDE_BROKEN)
            return;
        if (x->up.state == WEIR_SIDE_BODY && !x->up.is_blocked && !fill(x))
            return;
        if (!weir_gather_is_empty(&x->up.out)) {
            if (!write_out(x))
                return;
        } else if (x->up.state == WEIR_SIDE_ENDED) {
            await_answer(x);
            return;
        } else if (drained || reads++ == READS_A_TURN) {
            await_body(x);
            return;
        } else if (!read_body(x, &drained)) {
            return;
        }
    }
}
