/* The response's side: from the upstream connection to the client. */
#include "weir/base/assert.h"
#include "weir/base/log.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/forward.h"
#include "weir/proxy/tunnel.h"
#include "weir/upstream/outlier.h"
#include "weir/upstream/poison.h"

/* So that one large body does not keep the worker from its other clients. */
enum { READS_A_TURN = 16 };

/* By how much heads grow on the way to the client, mostly. */
enum { HEAD_GROWS_BYTES = 128 };

void weir_response_clear(struct weir_exchange *x)
{
    weir_gather_clear(&x->down.out);
    weir_buffer_clear(&x->client->traffic->loop->blocks, &x->in);
    weir_head_fini(&x->response_head);
    weir_head_init(&x->response_head, WEIR_HEAD_RESPONSE);
}

/* The client takes no more for now; on_upconn_ready stops the source if it should speak. */
static void on_blocked(struct weir_exchange *x)
{
    struct weir_client *client = x->client;
    bool reads = x->state == WEIR_EXCHANGE_RELAYING && x->up.state == WEIR_SIDE_BODY &&
                 !x->up.is_blocked;

    x->down.is_blocked = true;
    if (x->pool)
        weir_exchange_wait(x, WEIR_OK);
    weir_loop_deadline(client->traffic->loop, &client->deadline, x->plan->config->write_ms);
    if (weir_stream_want(&client->stream, WEIR_WANT_WRITE | (reads ? WEIR_WANT_READ : 0u)) != 0)
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
}

static bool unblock(struct weir_exchange *x)
{
    struct weir_client *client = x->client;
    bool reads = x->state == WEIR_EXCHANGE_RELAYING && x->up.state == WEIR_SIDE_BODY &&
                 !x->up.is_blocked;

    x->down.is_blocked = false;
    weir_deadline_cancel(&client->deadline);
    if (reads)
        weir_loop_deadline(client->traffic->loop, &client->deadline, x->plan->config->body_ms);
    if (weir_stream_want(&client->stream, reads ? WEIR_WANT_READ : WEIR_WANT_HANGUP) == 0 &&
        (!x->upconn ||
         weir_stream_want(&x->upconn->stream,
                          WEIR_WANT_READ | (x->up.is_blocked ? WEIR_WANT_WRITE : 0u)) == 0))
        return true;
    weir_exchange_abort(x, WEIR_CLOSED_client_gone);
    return false;
}

/* Is what is to be written the last before the client's connection is shut or closed? */
static bool is_last(struct weir_exchange *x)
{
    return x->down.state == WEIR_SIDE_ENDED && weir_exchange_client_end(x) != WEIR_END_KEEP &&
           weir_client_grace_ms(x->client) == 0;
}

static ssize_t write_some(struct weir_exchange *x)
{
    if (weir_gather_is_empty(&x->down.out))
        return weir_client_splice_out(x->client, x->down.pipe);
    return is_last(x) ? weir_client_write_last(x->client, &x->down.out)
                      : weir_client_write(x->client, &x->down.out);
}

/* Writes what there is. False: it has to wait, or is over. */
static bool write_out(struct weir_exchange *x)
{
    ssize_t n = write_some(x);

    if (n < 0 && n != WEIR_STREAM_PAUSED) {
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
        return false;
    }
    if (!weir_flow_is_written(&x->down)) {
        on_blocked(x);
        return false;
    }
    weir_gather_clear(&x->down.out);
    return !x->down.is_blocked || unblock(x);
}

static void forward_head(struct weir_exchange *x, const char *base)
{
    bool is_http10 = x->request_head.minor == 0;
    struct weir_framing framing = weir_forward_framing(x->response.framing, is_http10);
    struct weir_editor editor;

    weir_flow_become(&x->down, WEIR_SIDE_BODY);
    weir_body_init(&x->down.body, x->response.framing);
    x->down.sink = framing.kind;
    x->keeps_client = x->keeps_client && framing.kind != WEIR_FRAMING_CLOSE &&
                      weir_exchange_request_is_read(x) && !x->client->traffic->is_draining;
    weir_editor_init(&editor, x, WEIR_EDIT_RESPONSE);
    x->down.edits = editor.edits;
    weir_forward_response(&x->down.out, &(struct weir_forward_response){
                                            .head = &x->response_head,
                                            .base = base,
                                            .framing = framing,
                                            .client_is_http10 = is_http10,
                                            .keeps_client = x->keeps_client,
                                            .has_options = x->response.has_options,
                                            .editor = &editor,
                                        });
    x->head_sent = true;
    weir_exchange_count_answer(x, x->response_head.status);
}

/* Keep-Alive: how long the server waits for the next request, and whether it takes one at all. */
static void read_keep_alive(struct weir_exchange *x, const char *base)
{
    const struct weir_field *field = weir_head_find(&x->response_head, WEIR_FIELD_KEEP_ALIVE);
    struct weir_keep_alive_field announced;

    if (!field)
        return;
    announced = weir_keep_alive_read(weir_field_value(base, field));
    x->announced_ms = announced.timeout_ms;
    if (!announced.has_max)
        return;
    weir_lesson_announced_requests(&x->upconn->server->lesson, x->upconn->life.requests,
                                   announced.max);
    if (announced.max == 0)
        x->response.is_keep_alive = false;
}

static void forward_interim(struct weir_exchange *x, const char *base)
{
    if (x->request_head.minor >= 1) {
        struct weir_editor editor;
        weir_editor_init(&editor, x, WEIR_EDIT_RESPONSE);
        weir_forward_interim(&x->down.out, &x->response_head, base, &editor);
        weir_exchange_count_answer(x, x->response_head.status);
    }
    if (x->response_head.status == 100 && x->up.state == WEIR_SIDE_BODY && !x->up.is_blocked) {
        /* Now it is the client's turn. */
        x->was_continued = true;
        weir_exchange_wait(x, WEIR_OK);
        weir_loop_deadline(x->traffic->loop, &x->client->deadline, x->plan->config->body_ms);
    }
    weir_head_fini(&x->response_head);
    weir_head_init(&x->response_head, WEIR_HEAD_RESPONSE);
}

static void note_success(const struct weir_exchange *x)
{
    weir_outlier_succeeded(x->pool, x->upconn->server, x->relayed_us / 1000,
                           weir_loop_now_ms(x->traffic->loop));
}

static void switch_protocols(struct weir_exchange *x, const char *base)
{
    x->in.at += x->response_head.end;
    note_success(x);
    weir_tunnel_begin(x, base);
}

/* Reads on in the head. False: it is over, or no answer any more. Interim answers are written
 * before the next is read, so that `out` never holds more than one head. */
static bool read_head(struct weir_exchange *x)
{
    struct weir_head_limits limits = weir_exchange_limits(x);
    const char *base;
    enum weir_error error;

    if (x->in.end == x->in.at)
        return true;
    base = x->in.block->data + x->in.at;
    error = weir_head_parse(&x->response_head, base, x->in.end - x->in.at, &limits);
    if (!error && !x->response_head.complete)
        return true;
    if (!error && weir_tunnel_is_agreed(x, base)) {
        switch_protocols(x, base);
        return false;
    }
    if (!error)
        error = weir_response_read(&x->response, &x->response_head, base, x->request.method);
    if (error) {
        weir_exchange_fail(x, error);
        return false;
    }
    x->in.at += x->response_head.end;
    if (x->response.is_interim)
        forward_interim(x, base);
    else {
        note_success(x);
        read_keep_alive(x, base);
        forward_head(x, base);
    }
    if (!weir_gather_has_failed(&x->down.out))
        return true;
    weir_exchange_fail(x, WEIR_NO_MEMORY);
    return false;
}

/* What is understood joins what is to be written. False: as of read_head. */
static bool fill(struct weir_exchange *x)
{
    struct weir_head_limits limits = weir_exchange_limits(x);
    bool begins = x->down.state == WEIR_SIDE_HEAD;
    enum weir_error error;
    uint32_t at;

    /* An interim answer that an HTTP/1.0 client is spared leaves nothing to write: on to the next.
     */
    for (at = x->in.at + 1;
         x->down.state == WEIR_SIDE_HEAD && at != x->in.at && weir_gather_is_empty(&x->down.out);) {
        at = x->in.at;
        if (!read_head(x))
            return false;
    }
    if (x->down.state != WEIR_SIDE_BODY)
        return true;
    at = x->in.at;
    error = weir_flow_fill(&x->down, &x->in, &limits);
    /* The head as it came has been read, and makes room for the one that goes out. */
    if (begins && !error)
        weir_gather_move_before(&x->down.out, x->in.block->data + at, at);
    if (error)
        weir_exchange_fail(x, error == WEIR_NO_MEMORY ? error : WEIR_BAD_RESPONSE);
    return !error;
}

/* The server's stream has ended, as N says. Only an end that TLS vouches for ends an answer. False:
 * it is over. */
static bool on_end(struct weir_exchange *x, ssize_t n)
{
    bool by_fin = (n == WEIR_STREAM_END || n == WEIR_STREAM_CUT) && !x->was_reset;

    if (weir_stream_fault(&x->upconn->stream))
        weir_upconn_note_fault(x->upconn, "a connection failed under a request");
    if (x->down.state == WEIR_SIDE_BODY && by_fin && n == WEIR_STREAM_END &&
        weir_body_may_end_by_close(&x->down.body)) {
        weir_flow_end(&x->down);
        return true;
    }
    if (x->answer_started)
        weir_exchange_fail(x, WEIR_RESPONSE_CUT);
    else
        weir_exchange_fail(x, by_fin ? WEIR_SERVER_CLOSED : WEIR_SERVER_RESET);
    return false;
}

static void await_more(struct weir_exchange *x)
{
    if (x->in.at == x->in.end)
        weir_buffer_clear(&x->client->traffic->loop->blocks, &x->in);
    weir_flow_rest(&x->down, x->traffic->loop);
    if (x->down.state == WEIR_SIDE_BODY || x->up.is_blocked)
        weir_exchange_wait(x, WEIR_STALL);
    else if (x->up.state != WEIR_SIDE_BODY)
        /* A client that was slow to take interim answers had stopped this wait. */
        weir_exchange_wait(x, WEIR_RESPONSE_TIMEOUT);
    if (weir_stream_want(&x->upconn->stream,
                         WEIR_WANT_READ | (x->up.is_blocked ? WEIR_WANT_WRITE : 0u)) != 0)
        weir_exchange_fail(x, WEIR_NO_MEMORY);
}

/* The answer so far has come in part, and the socket is empty: does the server wait for an
 * acknowledgement? */
static void await_part(struct weir_exchange *x)
{
    struct weir_lesson *lesson = &x->upconn->server->lesson;

    /* While the request goes out, acknowledgements travel with it. */
    if (x->up.state != WEIR_SIDE_ENDED || weir_server_is_unix(x->upconn->server) ||
        !weir_delack_await(&lesson->delack, &x->parts, weir_loop_now_ms(x->traffic->loop)))
        return;
    weir_stream_ack(&x->upconn->stream);
    if (x->parts.n_parts == 1)
        weir_count(&weir_upconn_counters(x->upconn)->connections_quick_acks, 1);
}

/* Bytes of the answer are here; may the socket hold more of them? */
static void on_read(struct weir_exchange *x, bool may_hold_more)
{
    if (!x->answer_started && weir_exchange_is_logged(x))
        x->access.first_byte_us = weir_loop_now_us(x->traffic->loop);
    x->answer_started = true;
    if (x->parts.since_ms > 0)
        weir_delack_came(&x->parts, weir_lesson_round_trip_us(&x->upconn->server->lesson),
                         weir_loop_now_ms(x->traffic->loop));
    x->may_hold_more = may_hold_more;
}

/* No bytes came, as N says. False: it is over, or has to wait. */
static bool on_no_read(struct weir_exchange *x, ssize_t n)
{
    if (n != WEIR_STREAM_PAUSED)
        return on_end(x, n);
    await_more(x);
    return false;
}

static bool can_splice(struct weir_exchange *x)
{
    return x->down.state == WEIR_SIDE_BODY && x->in.at == x->in.end &&
           weir_flow_can_splice(&x->down, &x->upconn->stream, &x->client->stream);
}

/* As read_more, into the pipe. */
static bool splice_more(struct weir_exchange *x)
{
    uint64_t left = x->down.body.left;
    ssize_t n = weir_upconn_fill(x->upconn, x->down.pipe, left);

    if (weir_flow_has_to_copy(&x->down, &x->upconn->stream, n))
        return true;
    if (n <= 0)
        return on_no_read(x, n);
    on_read(x, (uint64_t)n == left);
    weir_body_skip(&x->down.body, (uint64_t)n);
    return true;
}

/* Is it a kept connection, and has nothing of this request been sent on it yet? On a fresh one a
 * server that speaks first can mean nobody else. */
static bool is_unsent(const struct weir_exchange *x)
{
    return weir_upconn_was_kept(x->upconn) && weir_upconn_wire_out(x->upconn) == x->written_before;
}

/* So the N bytes at DATA are no answer. */
static void on_unasked(struct weir_exchange *x, const char *data, size_t n)
{
    weir_log(WEIR_LOG_WARN, "%s: %s: sent %zu bytes that no request had asked for",
             x->pool->pool->name, x->upconn->server->name, n);
    weir_poison_keep(x->upconn, data, n);
    x->is_poisoned = true;
    weir_exchange_fail(x, WEIR_SERVER_CLOSED);
}

/* Reads more into the block; HAS_READ: not for the first time this turn. False: nothing for now, or
 * it is over. */
static bool read_more(struct weir_exchange *x, bool has_read, bool *drained)
{
    struct weir_slab *blocks = &x->client->traffic->loop->blocks;
    struct weir_buffer *in = &x->in;
    uint32_t limit = (uint32_t)x->plan->config->header_bytes_max + 1;
    ssize_t n;

    if (in->at == in->end)
        in->at = in->end = 0;
    if (!weir_buffer_make_room(blocks, in, 0, 1, limit)) {
        weir_exchange_fail(x, WEIR_BAD_RESPONSE);
        return false;
    }
    if (x->down.state == WEIR_SIDE_HEAD && in->end == 0)
        in->at = in->end = HEAD_GROWS_BYTES;
    size_t room = in->block->size - in->end;
    n = weir_upconn_read(x->upconn, in->block->data + in->end, room);
    if (n > 0 && is_unsent(x)) {
        on_unasked(x, in->block->data + in->end, (size_t)n);
        return false;
    }
    if (n > 0) {
        in->end += (uint32_t)n;
        on_read(x, weir_stream_may_hold_more(&x->upconn->stream, (size_t)n, room));
        *drained = !x->may_hold_more;
        return true;
    }
    if (n == WEIR_STREAM_PAUSED && has_read)
        await_part(x);
    return on_no_read(x, n);
}

/* May what is to be written wait for the end of the turn? Not while more of the request may still
 * come, and go wrong; and a pipe is to be free for the next again. */
static bool can_wait(const struct weir_exchange *x)
{
    return x->down.state == WEIR_SIDE_ENDED && x->up.state != WEIR_SIDE_BODY &&
           !x->down.is_blocked && !x->down.pipe;
}

void weir_response_write(struct weir_exchange *x)
{
    if (write_out(x))
        weir_exchange_finish(x);
}

void weir_response_pump(struct weir_exchange *x)
{
    bool drained = false;
    int reads = 0;

    for (;;) {
        if (x->state == WEIR_EXCHANGE_RELAYING && !x->down.is_blocked && !fill(x))
            return;
        /* The last of the answer is here: whoever waits for the connection need not wait for this
         * client to take it. */
        if (x->down.state == WEIR_SIDE_ENDED && x->up.state == WEIR_SIDE_ENDED &&
            weir_flow_is_written(&x->up))
            weir_exchange_part(x);
        if (!weir_flow_is_written(&x->down)) {
            if (can_wait(x)) {
                weir_exchange_write_soon(x);
                return;
            }
            if (!write_out(x))
                return;
        } else if (x->down.state == WEIR_SIDE_ENDED) {
            weir_exchange_finish(x);
            return;
        } else if (drained || reads++ == READS_A_TURN) {
            if (drained)
                await_part(x);
            await_more(x);
            return;
        } else if (can_splice(x) ? !splice_more(x) : !read_more(x, reads > 1, &drained)) {
            return;
        }
    }
}
