/* Who makes which transition: weir_exchange_begin → READING; weir_exchange_acquire → ACQUIRING;
 * relay → RELAYING; weir_tunnel_begin → TUNNELLING; reply (failure.c) → REPLYING;
 * weir_exchange_end → FINISHED. */
#include "weir/proxy/exchange.h"

#include "weir/base/assert.h"
#include "weir/proxy/tunnel.h"
#include "weir/upstream/keepalive.h"

/* Nobody sends more than a request for want of an answer before that. */
enum { PATIENCE_US = 100000 };

#define EXCHANGE_OF(pointer, member)                                                               \
    ((struct weir_exchange *)(void *)((char *)(pointer)-offsetof(struct weir_exchange, member)))

#define BIT(state) (1u << WEIR_EXCHANGE_##state)
static const unsigned legal[WEIR_EXCHANGE_STATE_COUNT] = {
    [WEIR_EXCHANGE_READING] = BIT(ACQUIRING) | BIT(REPLYING) | BIT(FINISHED),
    [WEIR_EXCHANGE_ACQUIRING] = BIT(RELAYING) | BIT(REPLYING) | BIT(FINISHED),
    [WEIR_EXCHANGE_RELAYING] = BIT(ACQUIRING) | BIT(TUNNELLING) | BIT(REPLYING) | BIT(FINISHED),
    [WEIR_EXCHANGE_TUNNELLING] = BIT(FINISHED),
    [WEIR_EXCHANGE_REPLYING] = BIT(FINISHED),
    [WEIR_EXCHANGE_FINISHED] = 0,
};

void weir_exchange_become(struct weir_exchange *x, enum weir_exchange_state state)
{
    WEIR_ASSERT(legal[x->state] & 1u << state);
    x->state = state;
}

static void on_deadline(struct weir_deadline *deadline);
static void on_acquired(struct weir_ticket *ticket, struct weir_upconn *upconn,
                        enum weir_error error);
static void on_upconn_ready(void *owner, unsigned ready);

static const struct weir_upconn_events upconn_events = {.on_ready = on_upconn_ready};

/* What the next exchange will need of its memory has until then to come into the cache. */
static void expect_next(const struct weir_exchange *next)
{
    enum { LINE = 64, FIRST = 7 };

    if (!next)
        return;
    for (size_t i = 0; i < FIRST; i++)
        __builtin_prefetch((const char *)next + i * LINE, 1);
    __builtin_prefetch(&next->up, 1);
    __builtin_prefetch(&next->up.out.slices, 1);
    __builtin_prefetch(&next->up.out.text, 1);
    __builtin_prefetch(next->up.out.text + LINE, 1);
    __builtin_prefetch(&next->down, 1);
    __builtin_prefetch(&next->down.out.slices, 1);
    __builtin_prefetch(&next->request_head, 1);
    __builtin_prefetch(&next->request_head.own, 1);
    __builtin_prefetch(&next->request_head.own[3], 1);
    __builtin_prefetch(&next->response_head, 1);
}

struct weir_exchange *weir_exchange_begin(struct weir_client *client)
{
    struct weir_traffic *traffic = client->traffic;
    struct weir_exchange *x = weir_slab_take(&traffic->exchanges);

    if (!x)
        return NULL;
    expect_next(traffic->exchanges.free);
    memset(x, 0, offsetof(struct weir_exchange, ticket.aim.avoid));
    x->client = client;
    x->traffic = traffic;
    x->generation = x->pool_generation = traffic->generation;
    weir_generation_use(x->generation, traffic->worker);
    weir_generation_use(x->pool_generation, traffic->worker);
    x->plan = weir_client_plan(client);
    WEIR_ASSERT(x->plan);
    x->deadline.on_expire = on_deadline;
    x->ticket.upstream = &traffic->upstream;
    x->ticket.on_done = on_acquired;
    x->is_replayable = true;
    x->head_at = client->in.at;
    weir_flow_init(&x->up);
    weir_flow_init(&x->down);
    weir_head_init(&x->request_head, WEIR_HEAD_REQUEST);
    weir_head_init(&x->response_head, WEIR_HEAD_RESPONSE);
    weir_count(&weir_client_counters(client)->requests_active, 1);
    weir_count(&weir_client_counters(client)->requests_total, 1);
    if (weir_exchange_is_logged(x))
        weir_access_begin(x);
    return x;
}

void weir_exchange_wait(struct weir_exchange *x, enum weir_error meaning)
{
    const struct weir_config_pool *pool = x->pool->config;

    /* The wait for an answer goes on while its head drips in. */
    if (meaning == WEIR_RESPONSE_TIMEOUT && x->deadline_error == WEIR_RESPONSE_TIMEOUT)
        return;
    x->deadline_error = meaning;
    weir_loop_deadline(x->client->traffic->loop, &x->deadline,
                       meaning == WEIR_RESPONSE_TIMEOUT ? pool->response_ms
                       : meaning == WEIR_STALL          ? pool->stall_ms
                                                        : 0);
}

void weir_exchange_count_answer(struct weir_exchange *x, unsigned status)
{
    struct weir_listener_counters *counters = weir_client_counters(x->client);
    weir_counter *by_class[] = {&counters->answers_1xx, &counters->answers_2xx,
                                &counters->answers_3xx, &counters->answers_4xx,
                                &counters->answers_5xx};

    if (status / 100 != 1 || status == 101)
        x->access.status = status;
    weir_count(by_class[status / 100 - 1], 1);
}

/* ---- The end of the turn ---- */

/* A head for which memory ran out must be gone on with as well: to find out. */
static bool may_write(const struct weir_flow *flow)
{
    return !flow->is_blocked && (!weir_flow_is_written(flow) || weir_gather_has_failed(&flow->out));
}

static void on_write(struct weir_task *task)
{
    struct weir_exchange *x = EXCHANGE_OF(task, write);

    x->writes_soon = false;
    /* Much may have happened since it was put off: what is due is what is still to be written. */
    if (x->state == WEIR_EXCHANGE_RELAYING && x->upconn && may_write(&x->up))
        weir_request_pump(x);
    if ((x->state == WEIR_EXCHANGE_RELAYING || x->state == WEIR_EXCHANGE_REPLYING) &&
        x->down.state == WEIR_SIDE_ENDED && may_write(&x->down))
        weir_response_write(x);
}

/* Its memory goes by a task that is put off later than this one, and so runs behind it. */
void weir_exchange_write_soon(struct weir_exchange *x)
{
    if (x->writes_soon)
        return;
    x->writes_soon = true;
    x->write.run = on_write;
    weir_loop_defer(x->traffic->loop, &x->write);
}

/* ---- The way to a server ---- */

static void relay(struct weir_exchange *x, struct weir_upconn *upconn)
{
    struct weir_server_counters *counters = weir_upconn_counters(upconn);

    weir_exchange_become(x, WEIR_EXCHANGE_RELAYING);
    x->upconn = upconn;
    upconn->events = &upconn_events;
    upconn->owner = x;
    weir_count(&counters->requests_total, 1);
    weir_count(&counters->requests_active, 1);
    if (weir_exchange_is_logged(x))
        weir_access_get(x, upconn);
    if (upconn->life.requests++ > 0)
        weir_count(&counters->connections_reused, 1);
    weir_lesson_carried(&upconn->server->lesson, upconn->life.requests);
    x->relayed_us = weir_loop_now_us(x->traffic->loop);
    x->was_reset = x->is_poisoned = false;
    x->written_before = weir_upconn_wire_out(upconn);
    weir_request_start(x);
}

static void on_acquired(struct weir_ticket *ticket, struct weir_upconn *upconn,
                        enum weir_error error)
{
    struct weir_exchange *x = EXCHANGE_OF(ticket, ticket);

    if (error)
        weir_exchange_fail(x, error);
    else
        relay(x, upconn);
}

/* From here on the newest generation says where the pool's servers are. */
static enum weir_error follow(struct weir_exchange *x)
{
    struct weir_generation *next = x->traffic->generation;
    unsigned worker = x->traffic->worker;
    enum weir_error error = WEIR_OK;
    const struct weir_pool_plan *plan;

    if (x->pool_generation == next)
        return WEIR_OK;
    plan = weir_generation_find_pool(next, x->pool->pool);
    if (!plan || !weir_ticket_follow(&x->ticket, plan, &error))
        return WEIR_OK;
    x->pool = plan;
    weir_generation_use(next, worker);
    weir_generation_leave(x->pool_generation, worker);
    x->pool_generation = next;
    return error;
}

/* Servers that are told of clients are told of this one. */
static enum weir_error introduce(struct weir_exchange *x)
{
    if (x->pool->config->send_proxy == WEIR_PROXY_OFF)
        return WEIR_OK;
    x->ticket.principal = weir_client_principal(x->client);
    return x->ticket.principal ? WEIR_OK : WEIR_NO_MEMORY;
}

void weir_exchange_follow(struct weir_exchange *x)
{
    enum weir_error error = WEIR_OK;

    if (x->state == WEIR_EXCHANGE_ACQUIRING)
        error = follow(x);
    if (x->state == WEIR_EXCHANGE_ACQUIRING && !error)
        error = introduce(x);
    if (error)
        weir_exchange_fail(x, error);
}

void weir_exchange_acquire(struct weir_exchange *x)
{
    struct weir_upconn *upconn;
    enum weir_error error;

    if (x->state != WEIR_EXCHANGE_ACQUIRING)
        weir_exchange_become(x, WEIR_EXCHANGE_ACQUIRING);
    (void)follow(x);
    if (weir_exchange_is_logged(x))
        weir_access_ask(x);
    error = introduce(x);
    if (!error)
        error = weir_pool_acquire(&x->ticket, &upconn);
    if (error)
        weir_exchange_fail(x, error);
    else if (upconn)
        relay(x, upconn);
    else if (x->ticket.waiter)
        /* A wait may last: a client that goes away meanwhile gives its place up. */
        (void)weir_stream_want(&x->client->stream, WEIR_WANT_HANGUP);
}

static void on_upconn_ready(void *owner, unsigned ready)
{
    struct weir_exchange *x = owner;

    if (ready & WEIR_WANT_WRITE)
        weir_request_pump(x);
    if (weir_exchange_is_over(x) || !x->upconn)
        return;
    if (x->down.is_blocked) {
        /* A full sink stops its source; only what can't be put off is heard. */
        (void)weir_stream_want(&x->upconn->stream,
                               x->up.is_blocked ? WEIR_WANT_WRITE : WEIR_WANT_NONE);
        return;
    }
    if (ready & WEIR_WANT_READ)
        weir_response_pump(x);
}

void weir_exchange_on_client(struct weir_exchange *x, unsigned ready)
{
    if (x->state == WEIR_EXCHANGE_READING) {
        weir_exchange_read_on(x);
        return;
    }
    if (x->state == WEIR_EXCHANGE_TUNNELLING) {
        weir_tunnel_on_client(x, ready);
        return;
    }
    if (ready & WEIR_WANT_HANGUP) {
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
        return;
    }
    if (ready & WEIR_WANT_WRITE)
        weir_response_pump(x);
    if (weir_exchange_is_over(x) || x->state == WEIR_EXCHANGE_TUNNELLING ||
        !(ready & WEIR_WANT_READ))
        return;
    if (x->state == WEIR_EXCHANGE_RELAYING && x->up.state == WEIR_SIDE_BODY && !x->up.is_blocked)
        weir_request_pump(x);
    else
        /* Not now: the next request, the end of this one's sender, or a body that must wait. */
        (void)weir_stream_want(&x->client->stream,
                               x->down.is_blocked ? WEIR_WANT_WRITE : WEIR_WANT_HANGUP);
}

/* ---- Time ---- */

static void on_deadline(struct weir_deadline *deadline)
{
    struct weir_exchange *x = EXCHANGE_OF(deadline, deadline);

    if (x->state == WEIR_EXCHANGE_TUNNELLING)
        weir_tunnel_on_idle(x);
    else
        weir_exchange_fail(x, x->deadline_error);
}

void weir_exchange_on_client_late(struct weir_exchange *x)
{
    if (x->state == WEIR_EXCHANGE_READING && x->is_understood)
        weir_exchange_on_body_late(x);
    else if (x->state == WEIR_EXCHANGE_READING)
        weir_exchange_fail(x, WEIR_HEAD_TIMEOUT);
    else if (x->down.is_blocked) {
        weir_exchange_blame(x, WEIR_WRITE_TIMEOUT);
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
    } else {
        weir_exchange_fail(x, WEIR_BODY_TIMEOUT);
    }
}

/* ---- Its end ---- */

static void on_reap(struct weir_task *task)
{
    struct weir_exchange *x = EXCHANGE_OF(task, reap);

    weir_slab_give(&x->traffic->exchanges, x);
}

void weir_exchange_end(struct weir_exchange *x, enum weir_client_end client_end)
{
    struct weir_client *client = x->client;
    unsigned worker = client->traffic->worker;

    if (x->state == WEIR_EXCHANGE_TUNNELLING) {
        weir_count(&weir_client_counters(client)->tunnels_active, (uint64_t)-1);
    } else {
        weir_count(&weir_client_counters(client)->requests_active, (uint64_t)-1);
        if (x->pool)
            weir_count(&x->pool->pool->slots[worker].counters.requests_active, (uint64_t)-1);
    }
    weir_exchange_become(x, WEIR_EXCHANGE_FINISHED);
    weir_deadline_cancel(&x->deadline);
    if (weir_exchange_is_logged(x))
        weir_access_end(x);
    weir_gather_clear(&x->up.out);
    weir_gather_clear(&x->down.out);
    weir_flow_drop_pipe(&x->up, client->traffic->loop);
    weir_flow_drop_pipe(&x->down, client->traffic->loop);
    weir_buffer_clear(&client->traffic->loop->blocks, &x->in);
    weir_head_fini(&x->request_head);
    weir_head_fini(&x->response_head);
    x->reap.run = on_reap;
    weir_loop_defer(client->traffic->loop, &x->reap);
    weir_client_exchange_done(client, client_end);
    weir_generation_leave(x->generation, worker);
    weir_generation_leave(x->pool_generation, worker);
}

void weir_exchange_let_go(struct weir_exchange *x, enum weir_close_reason reason)
{
    struct weir_upconn *upconn = x->upconn;

    x->upconn = NULL;
    if (x->state == WEIR_EXCHANGE_ACQUIRING && weir_exchange_is_logged(x))
        weir_access_give_up(x, reason == WEIR_CLOSED_by_server_active);
    weir_ticket_cancel(&x->ticket);
    if (!upconn)
        return;
    weir_count(x->state == WEIR_EXCHANGE_TUNNELLING
                   ? &weir_upconn_counters(upconn)->tunnels_active
                   : &weir_upconn_counters(upconn)->requests_active,
               (uint64_t)-1);
    if (reason == WEIR_CLOSED_NOT)
        weir_pool_release(&upconn);
    else
        weir_upconn_close(upconn, reason);
}

/* Has the server sent more than its answer? What its socket still holds, the next exchange would
 * take for its own answer: that may begin before any event tells of it. Such bytes are kept. */
static bool has_bytes_left(struct weir_exchange *x, bool *has_ended)
{
    bool is_complete = x->down.state == WEIR_SIDE_ENDED;
    char more[WEIR_POISON_BYTES];
    ssize_t n = (ssize_t)x->in.end - (ssize_t)x->in.at;
    const char *data = n > 0 ? x->in.block->data + x->in.at : more;

    *has_ended = x->upconn->ended_first;
    if (n == 0 && x->may_hold_more) {
        n = weir_upconn_read(x->upconn, more, sizeof(more));
        *has_ended |= n <= 0 && n != WEIR_STREAM_PAUSED;
    }
    if (n > 0 && is_complete)
        weir_poison_keep(x->upconn, data, (size_t)n);
    return n > 0;
}

static enum weir_close_reason decide_reuse(struct weir_exchange *x)
{
    const struct weir_upconn *upconn = x->upconn;
    bool has_ended, bytes_left = has_bytes_left(x, &has_ended);
    enum weir_close_reason recall = weir_upconn_recall(upconn);
    struct weir_keepalive_facts facts = {
        .request_complete = x->up.state == WEIR_SIDE_ENDED && weir_flow_is_written(&x->up),
        .response_complete = x->down.state == WEIR_SIDE_ENDED,
        .server_keeps = x->response.is_keep_alive,
        .bytes_left = bytes_left,
        .server_ended = has_ended,
        .is_retired = recall == WEIR_CLOSED_server_gone,
        .is_recalled = recall == WEIR_CLOSED_flushed,
        .is_draining = upconn->upstream->is_draining,
        .is_spent = upconn->principal && !x->keeps_client,
        .requests = upconn->life.requests,
        .requests_max = weir_lesson_requests_limit(&upconn->server->lesson,
                                                   x->pool->settings.requests_max),
        .now_ms = weir_loop_now_ms(upconn->upstream->loop),
        .ends_ms = upconn->life.ends_ms,
    };
    return weir_keepalive_decide(&facts);
}

/* What the answer tells of the server's keep-alive. */
static void learn(struct weir_exchange *x)
{
    struct weir_lesson *lesson = &x->upconn->server->lesson;
    const struct weir_response *response = &x->response;

    weir_lesson_answered(lesson, response->is_keep_alive       ? WEIR_UNKEPT_NONE
                                 : x->response_head.minor == 0 ? WEIR_UNKEPT_HTTP10
                                 : response->framing.kind == WEIR_FRAMING_CLOSE
                                     ? WEIR_UNKEPT_NO_LENGTH
                                     : WEIR_UNKEPT_CLOSES);
    if (x->upconn->life.requests == 1 && weir_upconn_was_kept(x->upconn))
        weir_pace_used(&x->upconn->server->pace);
    weir_delack_learn(&lesson->delack, &x->parts, weir_loop_now_ms(x->traffic->loop));
    if (response->is_keep_alive && x->announced_ms > 0)
        weir_lesson_announced(lesson, x->announced_ms, weir_loop_now_ms(x->traffic->loop));
}

void weir_exchange_part(struct weir_exchange *x)
{
    struct weir_server_slot *slot;

    if (!x->upconn)
        return;
    slot = &x->upconn->server->slots[x->upconn->upstream->worker];
    weir_histogram_add(&slot->response_us,
                       weir_loop_now_us(x->client->traffic->loop) - x->relayed_us);
    x->upconn->is_suspect = x->response.framing.kind == WEIR_FRAMING_NONE;
    learn(x);
    weir_exchange_let_go(x, decide_reuse(x));
    weir_exchange_wait(x, WEIR_OK);
}

enum weir_client_end weir_exchange_client_end(struct weir_exchange *x)
{
    bool request_is_read = weir_exchange_request_is_read(x);
    /* TLS says goodbye (a close_notify is bytes, too), and much can come while a long answer goes
     * out: then it is not for sure that nothing does. */
    bool nothing_follows = request_is_read && !x->request.is_keep_alive &&
                           weir_stream_is_plain(&x->client->stream) &&
                           x->down.body.content_bytes <= WEIR_BLOCK_BYTES;
    /* HTTP/1.0 clients send an empty line behind a body, along with it, which HTTP/1.1 forbids (RFC
     * 9112 section 2.2); people press a key when they have waited for long: both are worth a look.
     */
    bool had_body = x->request.framing.kind != WEIR_FRAMING_NONE;
    uint64_t took_us = weir_loop_now_us(x->traffic->loop) - x->relayed_us;

    if (x->keeps_client && request_is_read)
        return WEIR_END_KEEP;
    if (!nothing_follows)
        return WEIR_END_LINGER;
    return (had_body && x->request_head.minor == 0) || took_us > PATIENCE_US ? WEIR_END_LOOK
                                                                             : WEIR_END_CLOSE;
}

void weir_exchange_finish(struct weir_exchange *x)
{
    enum weir_client_end client_end = weir_exchange_client_end(x);

    weir_exchange_part(x);
    weir_exchange_end(x, client_end);
}

void weir_exchange_abort(struct weir_exchange *x, enum weir_close_reason reason)
{
    weir_exchange_blame(x, reason == WEIR_CLOSED_shutdown ? WEIR_SHUTDOWN : WEIR_CLIENT_GONE);
    weir_exchange_let_go(x, reason);
    weir_exchange_end(x, WEIR_END_RESET);
}
