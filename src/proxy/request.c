/* The request's side: from the client's buffer and stream to the upstream connection.
 *
 * The body passes through the client's block, behind the head. As long as it fits there, the
 * request can be sent again; once room is needed, what was sent makes way and it can't. */
#include "weir/base/assert.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/forward.h"

#include <errno.h>

enum { READS_A_TURN = 16, HOST_TEXT = WEIR_ADDRESS_TEXT_MAX };

void weir_request_start(struct weir_exchange *x)
{
    bool has_id = x->plan->config->request_id != WEIR_REQUEST_ID_OFF;
    char peer_host[HOST_TEXT];
    struct weir_address peer;
    struct weir_editor editor;

    weir_client_address(x->client, &peer);
    weir_editor_init(&editor, x, WEIR_EDIT_REQUEST);
    struct weir_forward_request forward = {
        .head = &x->request_head,
        .base = weir_exchange_base(x),
        .request = &x->request,
        .forwarded = x->plan->config->forwarded,
        .peer_is_trusted = weir_client_is_trusted(x->client, x->plan),
        .is_secure = !weir_stream_is_plain(&x->client->stream),
        .peer_host = weir_address_describe_host(&peer, peer_host),
        .server_name = x->upconn->server->name,
        .request_id = has_id ? weir_exchange_request_id(x) : NULL,
        .editor = &editor,
    };
    x->up.edits = editor.edits;
    weir_forward_request(&x->up.out, &forward);
    weir_flow_become(&x->up, WEIR_SIDE_BODY);
    weir_exchange_write_soon(x);
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
    weir_flow_rest(&x->up, x->traffic->loop);
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
    weir_flow_drop_pipe(&x->up, x->traffic->loop);
    await_answer(x);
    if (weir_stream_want(&x->upconn->stream, WEIR_WANT_READ) != 0)
        weir_exchange_fail(x, WEIR_NO_MEMORY);
    else if (!x->down.is_blocked)
        weir_response_pump(x);
}

/* Writes what there is. False: it has to wait, or is over. */
static bool write_out(struct weir_exchange *x)
{
    ssize_t n = weir_gather_is_empty(&x->up.out) ? weir_upconn_drain(x->upconn, x->up.pipe)
                                                 : weir_upconn_write(x->upconn, &x->up.out);

    if (n < 0 && n != WEIR_STREAM_PAUSED) {
        /* EPIPE would mean that a FIN had come before it; the next read could not tell. */
        x->was_reset = n == -ECONNRESET;
        on_refused(x);
        return false;
    }
    /* An answer that has begun may wait for this: it does not stall. */
    if (n > 0 && x->down.state == WEIR_SIDE_BODY && !x->down.is_blocked)
        weir_exchange_wait(x, WEIR_STALL);
    if (!weir_flow_is_written(&x->up)) {
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

    weir_flow_rest(&x->up, x->traffic->loop);
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
    weir_flow_rest(&x->up, x->traffic->loop);
    weir_stream_shut(&x->upconn->stream);
    if (!x->down.is_blocked)
        weir_deadline_cancel(&client->deadline);
    if (weir_stream_want(&client->stream,
                         x->down.is_blocked ? WEIR_WANT_WRITE : WEIR_WANT_HANGUP) != 0)
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
}

/* No more of the body came, as N says. */
static void on_no_body(struct weir_exchange *x, ssize_t n)
{
    if (n == WEIR_STREAM_PAUSED)
        await_body(x);
    else if (n == WEIR_STREAM_END)
        on_cut(x);
    else
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
}

/* May what comes next of the body be moved unseen? Not as long as it may have to be sent again. */
static bool can_splice(struct weir_exchange *x)
{
    const struct weir_buffer *in = &x->client->in;

    return (!x->is_replayable || in->end == in->block->size) && in->at == in->end &&
           weir_flow_can_splice(&x->up, &x->client->stream, &x->upconn->stream);
}

/* As read_body, into the pipe. */
static bool splice_body(struct weir_exchange *x)
{
    ssize_t n = weir_client_splice_in(x->client, x->up.pipe, x->up.body.left);

    x->is_replayable = false;
    if (weir_flow_has_to_copy(&x->up, &x->client->stream, n))
        return true;
    if (n > 0)
        weir_body_skip(&x->up.body, (uint64_t)n);
    else
        on_no_body(x, n);
    return n > 0;
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
    on_no_body(x, n);
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
        if (!weir_flow_is_written(&x->up)) {
            if (!write_out(x))
                return;
        } else if (x->up.state == WEIR_SIDE_ENDED) {
            await_answer(x);
            return;
        } else if (drained || reads++ == READS_A_TURN) {
            await_body(x);
            return;
        } else if (can_splice(x) ? !splice_body(x) : !read_body(x, &drained)) {
            return;
        }
    }
}
