/* Who makes which transition: weir_exchange_begin → READING; weir_exchange_acquire → ACQUIRING;
 * on_acquired → RELAYING; reply → REPLYING; finish → FINISHED. */
#include "weir/proxy/exchange.h"

#include "weir/base/assert.h"
#include "weir/base/log.h"
#include "weir/net/tcp_info.h"
#include "weir/proxy/reply.h"
#include "weir/proxy/retry.h"
#include "weir/upstream/keepalive.h"

enum { BODY_ROOM_MIN = 4096 };

#define EXCHANGE_OF(pointer, member)                                                               \
    ((struct weir_exchange *)(void *)((char *)(pointer)-offsetof(struct weir_exchange, member)))

#define BIT(state) (1u << WEIR_EXCHANGE_##state)
static const unsigned legal[WEIR_EXCHANGE_STATE_COUNT] = {
    [WEIR_EXCHANGE_READING] = BIT(ACQUIRING) | BIT(REPLYING) | BIT(FINISHED),
    [WEIR_EXCHANGE_ACQUIRING] = BIT(RELAYING) | BIT(REPLYING) | BIT(FINISHED),
    [WEIR_EXCHANGE_RELAYING] = BIT(ACQUIRING) | BIT(REPLYING) | BIT(FINISHED),
    [WEIR_EXCHANGE_REPLYING] = BIT(FINISHED),
    [WEIR_EXCHANGE_FINISHED] = 0,
};

void weir_exchange_become(struct weir_exchange *exchange, enum weir_exchange_state state)
{
    WEIR_ASSERT(legal[exchange->state] & 1u << state);
    exchange->state = state;
}

static void on_deadline(struct weir_deadline *deadline);
static void on_acquired(struct weir_ticket *ticket, struct weir_upconn *upconn,
                        enum weir_error error);
static void on_upconn_ready(void *owner, unsigned ready);
static void end(struct weir_exchange *x, enum weir_client_end client_end);

static const struct weir_upconn_events upconn_events = {.on_ready = on_upconn_ready};

static void init_flow(struct weir_flow *flow)
{
    flow->state = WEIR_SIDE_HEAD;
    flow->sink = WEIR_FRAMING_NONE;
    flow->is_blocked = false;
    weir_body_init(&flow->body, (struct weir_framing){.kind = WEIR_FRAMING_NONE});
    weir_gather_init(&flow->out);
}

struct weir_exchange *weir_exchange_begin(struct weir_client *client)
{
    struct weir_traffic *traffic = client->traffic;
    struct weir_exchange *x = weir_slab_take(&traffic->exchanges);

    if (!x)
        return NULL;
    memset(x, 0, offsetof(struct weir_exchange, up));
    x->client = client;
    x->traffic = traffic;
    x->generation = traffic->generation;
    weir_generation_use(x->generation, traffic->worker);
    x->plan = weir_client_plan(client);
    if (!x->plan) /* a connection of a listener that left between its accept and now */
        x->plan = &x->generation->listeners[0];
    x->deadline.on_expire = on_deadline;
    x->ticket.upstream = &traffic->upstream;
    x->ticket.on_done = on_acquired;
    x->is_replayable = true;
    x->head_at = client->in.at;
    x->started_us = weir_loop_now_us(traffic->loop);
    x->in = (struct weir_buffer){.block = NULL};
    init_flow(&x->up);
    init_flow(&x->down);
    weir_head_init(&x->request_head, WEIR_HEAD_REQUEST);
    weir_head_init(&x->response_head, WEIR_HEAD_RESPONSE);
    weir_count(&weir_client_counters(client)->requests_active, 1);
    weir_count(&weir_client_counters(client)->requests_total, 1);
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

/* ---- The request's head ---- */

void weir_exchange_count_answer(struct weir_exchange *x, unsigned status)
{
    struct weir_listener_counters *counters = weir_client_counters(x->client);
    weir_counter *by_class[] = {&counters->answers_1xx, &counters->answers_2xx,
                                &counters->answers_3xx, &counters->answers_4xx,
                                &counters->answers_5xx};

    weir_count(by_class[status / 100 - 1], 1);
}

/* The head is complete: what does it ask, and who takes it? */
static enum weir_error understand(struct weir_exchange *x)
{
    const struct weir_config_listener *config = x->plan->config;
    const char *base = weir_exchange_base(x);
    enum weir_error error = weir_request_read(&x->request, &x->request_head, base);

    x->keeps_client = !error && x->request.is_keep_alive && !x->client->traffic->is_draining &&
                      (config->requests_per_connection_max == 0 ||
                       x->client->requests < config->requests_per_connection_max);
    if (error)
        return error;
    x->is_understood = true;
    weir_body_init(&x->up.body, x->request.framing);
    x->up.sink = x->request.framing.kind;
    if (config->body_bytes_max > 0 && x->request.framing.kind == WEIR_FRAMING_LENGTH &&
        x->request.framing.length > config->body_bytes_max)
        return WEIR_BODY_TOO_LARGE;
    x->pool = weir_route_find(x->plan, weir_authority_host(x->request.authority), x->request.path);
    return x->pool ? WEIR_OK : WEIR_NO_ROUTE;
}

static void start(struct weir_exchange *x)
{
    struct weir_client *client = x->client;
    struct weir_slab *blocks = &client->traffic->loop->blocks;
    enum weir_error error;

    client->requests++;
    weir_deadline_cancel(&client->deadline);
    /* The body passes through what the head leaves of the block; it must leave enough. */
    client->in.at = x->head_at;
    if (!weir_buffer_make_room(blocks, &client->in, 0, BODY_ROOM_MIN,
                               client->in.end - client->in.at + WEIR_BLOCK_BYTES)) {
        weir_exchange_fail(x, WEIR_NO_MEMORY);
        return;
    }
    x->head_at = client->in.at;
    x->body_at = client->in.at = x->head_at + x->request_head.end;
    error = understand(x);
    if (error) {
        weir_exchange_fail(x, error);
        return;
    }
    x->ticket.plan = x->pool;
    x->ticket.is_repeatable = x->request.is_repeatable;
    struct weir_pool *pool = x->pool->pool;
    unsigned worker = client->traffic->worker;
    weir_count(&pool->slots[worker].counters.requests_total, 1);
    weir_count(&pool->slots[worker].counters.requests_active, 1);
    weir_pool_earn_retry(pool, worker, x->pool->config->retry_budget_percent);
    weir_exchange_acquire(x);
}

/* Reads what the client's socket has of the head. False: nothing for now, or it is over. */
static bool read_more(struct weir_exchange *x, const struct weir_head_limits *limits)
{
    struct weir_client *client = x->client;
    struct weir_buffer *in = &client->in;
    ssize_t n;

    in->at = x->head_at;
    if (!weir_buffer_make_room(&client->traffic->loop->blocks, in, 0, 1, limits->bytes_max + 1)) {
        weir_exchange_fail(x, WEIR_NO_MEMORY);
        return false;
    }
    x->head_at = in->at;
    n = weir_client_read(client, in->block->data + in->end, in->block->size - in->end);
    if (n > 0) {
        in->end += (uint32_t)n;
        return true;
    }
    if (n != WEIR_STREAM_PAUSED || weir_stream_want(&client->stream, WEIR_WANT_READ) != 0) {
        end(x, WEIR_END_BREAK);
    }
    return false;
}

void weir_exchange_read_head(struct weir_exchange *x)
{
    struct weir_client *client = x->client;
    struct weir_head_limits limits = weir_exchange_limits(x);
    enum weir_error error;

    do {
        error = weir_head_parse(&x->request_head, weir_exchange_base(x),
                                client->in.end - x->head_at, &limits);
        if (error) {
            weir_exchange_fail(x, error);
            return;
        }
        if (x->request_head.complete) {
            start(x);
            return;
        }
        /* The first request's time runs since the connection was accepted. */
        if (!client->deadline.list)
            weir_loop_deadline(client->traffic->loop, &client->deadline,
                               x->plan->config->header_ms);
    } while (read_more(x, &limits));
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
    if (upconn->life.requests++ > 0)
        weir_count(&counters->connections_reused, 1);
    weir_lesson_carried(&upconn->server->lesson, upconn->life.requests);
    x->written = 0;
    x->written_before = upconn->life.bytes_out;
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

void weir_exchange_acquire(struct weir_exchange *x)
{
    struct weir_upconn *upconn;
    enum weir_error error;

    if (x->state != WEIR_EXCHANGE_ACQUIRING)
        weir_exchange_become(x, WEIR_EXCHANGE_ACQUIRING);
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
        struct weir_head_limits limits = weir_exchange_limits(x);
        if (read_more(x, &limits))
            weir_exchange_read_head(x);
        return;
    }
    if (ready & WEIR_WANT_HANGUP) {
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
        return;
    }
    if (ready & WEIR_WANT_WRITE)
        weir_response_pump(x);
    if (weir_exchange_is_over(x) || !(ready & WEIR_WANT_READ))
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
    weir_exchange_fail(x, x->deadline_error);
}

void weir_exchange_on_client_late(struct weir_exchange *x)
{
    if (x->state == WEIR_EXCHANGE_READING)
        weir_exchange_fail(x, WEIR_HEAD_TIMEOUT);
    else if (x->down.is_blocked)
        weir_exchange_abort(x, WEIR_CLOSED_client_gone);
    else
        weir_exchange_fail(x, WEIR_BODY_TIMEOUT);
}

/* ---- Its end ---- */

static void on_reap(struct weir_task *task)
{
    struct weir_exchange *x = EXCHANGE_OF(task, reap);

    weir_slab_give(&x->traffic->exchanges, x);
}

static void end(struct weir_exchange *x, enum weir_client_end client_end)
{
    struct weir_client *client = x->client;
    unsigned worker = client->traffic->worker;

    weir_exchange_become(x, WEIR_EXCHANGE_FINISHED);
    weir_deadline_cancel(&x->deadline);
    weir_gather_clear(&x->up.out);
    weir_gather_clear(&x->down.out);
    weir_buffer_clear(&client->traffic->loop->blocks, &x->in);
    weir_head_fini(&x->request_head);
    weir_head_fini(&x->response_head);
    if (x->pool)
        weir_count(&x->pool->pool->slots[worker].counters.requests_active, (uint64_t)-1);
    weir_count(&weir_client_counters(client)->requests_active, (uint64_t)-1);
    x->reap.run = on_reap;
    weir_loop_defer(client->traffic->loop, &x->reap);
    weir_client_exchange_done(client, client_end);
    weir_generation_leave(x->generation, worker);
}

static void let_go(struct weir_exchange *x, enum weir_close_reason reason)
{
    struct weir_upconn *upconn = x->upconn;

    x->upconn = NULL;
    weir_ticket_cancel(&x->ticket);
    if (!upconn)
        return;
    weir_count(&weir_upconn_counters(upconn)->requests_active, (uint64_t)-1);
    if (reason == WEIR_CLOSED_NOT)
        weir_pool_release(&upconn);
    else
        weir_upconn_close(upconn, reason);
}

static enum weir_close_reason decide_reuse(const struct weir_exchange *x)
{
    const struct weir_upconn *upconn = x->upconn;
    struct weir_keepalive_facts facts = {
        .request_complete = x->up.state == WEIR_SIDE_ENDED && weir_gather_is_empty(&x->up.out),
        .response_complete = x->down.state == WEIR_SIDE_ENDED,
        .server_keeps = x->response.is_keep_alive,
        .bytes_left = x->in.end > x->in.at,
        .server_ended = upconn->ended_first,
        .is_retired = atomic_load_explicit(&upconn->server->shared.is_retired,
                                           memory_order_relaxed),
        .is_draining = upconn->upstream->is_draining,
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
    if (response->is_keep_alive && x->announced_ms > 0)
        weir_lesson_announced(lesson, x->announced_ms, weir_loop_now_ms(x->traffic->loop));
}

void weir_exchange_finish(struct weir_exchange *x)
{
    bool request_is_read = x->up.state == WEIR_SIDE_ENDED;
    /* RFC 9112 section 2.2: old clients send an empty line behind a body. */
    bool nothing_follows = request_is_read && !x->request.is_keep_alive &&
                           x->request.framing.kind == WEIR_FRAMING_NONE;
    enum weir_client_end client_end = x->keeps_client && request_is_read ? WEIR_END_KEEP
                                      : nothing_follows                  ? WEIR_END_CLOSE
                                                                         : WEIR_END_LINGER;

    if (x->upconn) {
        struct weir_server_slot *slot = &x->upconn->server->slots[x->upconn->upstream->worker];
        weir_histogram_add(&slot->response_us,
                           weir_loop_now_us(x->client->traffic->loop) - x->started_us);
        learn(x);
        let_go(x, decide_reuse(x));
    }
    end(x, client_end);
}

void weir_exchange_abort(struct weir_exchange *x, enum weir_close_reason reason)
{
    let_go(x, reason);
    end(x, WEIR_END_RESET);
}

/* ---- Failure ---- */

static void reply(struct weir_exchange *x, enum weir_error error)
{
    bool is_read = x->is_understood && weir_body_is_complete(&x->up.body);

    weir_exchange_become(x, WEIR_EXCHANGE_REPLYING);
    x->keeps_client = x->keeps_client && is_read && !x->client->traffic->is_draining;
    if (x->up.state == WEIR_SIDE_HEAD || x->up.state == WEIR_SIDE_BODY)
        weir_flow_become(&x->up, is_read ? WEIR_SIDE_ENDED : WEIR_SIDE_BROKEN);
    weir_response_clear(x);
    weir_reply_write(&x->down.out, error, x->request.method == WEIR_METHOD_HEAD && x->is_understood,
                     x->keeps_client, x->request_head.minor == 0);
    weir_flow_become(&x->down, WEIR_SIDE_ENDED);
    weir_exchange_count_answer(x, weir_error_status(error));
    weir_response_pump(x);
}

static bool is_connection_failure(enum weir_error error)
{
    return error == WEIR_CONNECT_FAILED || error == WEIR_CONNECT_TIMEOUT ||
           error == WEIR_SERVER_CLOSED || error == WEIR_SERVER_RESET;
}

static enum weir_close_reason close_reason(enum weir_error error)
{
    if (weir_error_side(error) == WEIR_SIDE_CLIENT)
        return WEIR_CLOSED_client_gone;
    if (error == WEIR_RESPONSE_TIMEOUT || error == WEIR_STALL)
        return WEIR_CLOSED_timeout;
    return is_connection_failure(error) ? WEIR_CLOSED_by_server_active : WEIR_CLOSED_error;
}

/* The kernel is asked only here, where it can decide something. */
static enum weir_retry decide_retry(const struct weir_exchange *x, enum weir_error error)
{
    const struct weir_config_pool *pool = x->pool->config;
    struct weir_retry_facts facts = {
        .is_connection_failure = is_connection_failure(error),
        .answer_started = x->answer_started,
        .is_replayable = x->is_replayable,
        .is_repeatable = x->request.is_repeatable,
        .is_reused = x->upconn && x->upconn->life.requests > 1,
        .evidence_allowed = pool->retry_evidence == WEIR_EVIDENCE_ON,
        .ended_by_fin = error == WEIR_SERVER_CLOSED,
        .written_before = x->written_before,
        .written = x->upconn ? x->written : 0,
        .attempts = x->attempts,
        .attempts_max = pool->retry_attempts,
    };

    if (facts.is_reused && !facts.is_repeatable && facts.ended_by_fin)
        facts.acked_known = weir_tcp_bytes_acked(x->upconn->stream.fd, &facts.acked);
    return weir_retry_decide(&facts);
}

static void count_race(struct weir_exchange *x, enum weir_retry retry, enum weir_error error)
{
    static const char *const decisions[] = {"not sent again", "sent again, nothing was written",
                                            "sent again, it is repeatable",
                                            "sent again on the kernel's evidence"};
    struct weir_server_counters *counters = weir_upconn_counters(x->upconn);

    weir_count(&counters->races_seen, 1);
    weir_count(retry == WEIR_RETRY_NEVER ? &counters->races_failed : &counters->races_retried, 1);
    if (retry == WEIR_RETRY_EVIDENCE)
        weir_count(&counters->races_retried_on_evidence, 1);
    /* What a race shows of the server's ways is as good as a close seen while idle. */
    if (error == WEIR_SERVER_CLOSED)
        weir_lesson_closed_idle(&x->upconn->server->lesson, x->upconn->life.idle_ms,
                                x->upconn->life.requests - 1,
                                weir_loop_now_ms(x->client->traffic->loop));
    weir_log(WEIR_LOG_INFO,
             "%s: %s: a connection of %llu ms and %llu requests ended under a request: %s",
             x->pool->pool->name, x->upconn->server->name,
             (unsigned long long)(weir_loop_now_ms(x->client->traffic->loop) -
                                  x->upconn->life.opened_ms),
             (unsigned long long)x->upconn->life.requests, decisions[retry]);
}

/* Sends the request again if it may be. */
static bool try_again(struct weir_exchange *x, enum weir_error error)
{
    enum weir_retry retry = decide_retry(x, error);
    unsigned worker = x->client->traffic->worker;
    bool is_race = x->upconn && x->upconn->life.requests > 1 && !x->answer_started &&
                   is_connection_failure(error);

    if (retry != WEIR_RETRY_NEVER &&
        !weir_pool_spend_retry(x->pool->pool, worker, x->pool->config->retry_budget_percent))
        retry = WEIR_RETRY_NEVER;
    if (is_race)
        count_race(x, retry, error);
    if (retry == WEIR_RETRY_NEVER)
        return false;
    x->attempts++;
    x->ticket.needs_fresh |= is_race;
    /* A race says nothing against the server; anything else does. */
    if (!is_race && x->ticket.server && x->ticket.n_avoid < WEIR_TICKET_AVOIDS)
        x->ticket.avoid[x->ticket.n_avoid++] = x->ticket.server;
    if (x->ticket.server)
        weir_count(&x->ticket.server->slots[worker].counters.requests_retried, 1);
    let_go(x, close_reason(error));
    weir_exchange_wait(x, WEIR_OK);
    weir_deadline_cancel(&x->client->deadline);
    weir_response_clear(x);
    weir_request_rewind(x);
    weir_exchange_acquire(x);
    return true;
}

static void count_failure(struct weir_exchange *x, enum weir_error error)
{
    unsigned worker = x->client->traffic->worker;
    const char *server = x->ticket.server ? x->ticket.server->name : "no server";

    if (weir_error_side(error) == WEIR_SIDE_CLIENT || !x->pool) {
        weir_log(WEIR_LOG_DEBUG, "%s: %s", x->client->listener->name, weir_error_text(error));
        return;
    }
    weir_count(&x->pool->pool->slots[worker].counters.requests_failed, 1);
    if (x->ticket.server)
        weir_count(&x->ticket.server->slots[worker].counters.requests_failed, 1);
    weir_log(WEIR_LOG_WARN, "%s: %s: %s", x->pool->pool->name, server, weir_error_text(error));
}

void weir_exchange_fail(struct weir_exchange *x, enum weir_error error)
{
    bool may_retry = (x->state == WEIR_EXCHANGE_ACQUIRING || x->state == WEIR_EXCHANGE_RELAYING) &&
                     !x->head_sent && !x->down.is_blocked;

    if (weir_exchange_is_over(x) || (may_retry && try_again(x, error)))
        return;
    count_failure(x, error);
    let_go(x, close_reason(error));
    if (x->pool)
        weir_exchange_wait(x, WEIR_OK);
    if (x->head_sent || x->down.is_blocked || weir_error_status(error) == 0 ||
        x->state == WEIR_EXCHANGE_REPLYING)
        end(x, WEIR_END_BREAK);
    else
        reply(x, error);
}
