/* The request's head: read, understood, routed; the exchange then asks for a connection.
 *
 * As late as possible: a request that has a body waits for the first bytes of it, so that a client
 * that is slow with them keeps no connection from others and lets none grow old. But not for ever:
 * some clients stream, and want to see the answer's head first (docs/decisions/0003). */
#include "weir/proxy/exchange.h"
#include "weir/proxy/key.h"

enum { BODY_ROOM_MIN = 4096, FIRST_BYTES_MS = 1000 };

/* The client's own where the listener lets it stand, or a new one. */
static void identify(struct weir_exchange *x)
{
    const char *base = weir_exchange_base(x);
    struct weir_slice theirs = weir_slice_make("", 0);
    unsigned n = 0;

    for (uint32_t i = 0; i < x->request_head.n_fields; i++) {
        const struct weir_field *field = &x->request_head.fields[i];
        if (!weir_slice_is_like(weir_field_name(base, field), WEIR_REQUEST_ID_FIELD))
            continue;
        theirs = weir_field_value(base, field);
        n++;
    }
    if (x->plan->config->request_id == WEIR_REQUEST_ID_PASS && n == 1 &&
        weir_request_id_is_sane(theirs)) {
        memcpy(x->request_id, theirs.data, theirs.len);
        x->request_id[theirs.len] = '\0';
    } else {
        weir_request_ids_make(&x->traffic->request_ids, x->request_id);
    }
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
    if (config->needs_request_id)
        identify(x);
    weir_body_init(&x->up.body, x->request.framing);
    x->up.sink = x->request.framing.kind;
    if (config->body_bytes_max > 0 && x->request.framing.kind == WEIR_FRAMING_LENGTH &&
        x->request.framing.length > config->body_bytes_max)
        return WEIR_BODY_TOO_LARGE;
    x->pool = weir_route_find(&x->plan->routes, weir_authority_host(x->request.authority),
                              x->request.path, x->plan->fallback);
    return x->pool ? WEIR_OK : WEIR_NO_ROUTE;
}

/* Is there to be a body of which nothing is here, while the client does not wait for a 100? */
static bool lacks_body(const struct weir_exchange *x)
{
    return !weir_body_is_complete(&x->up.body) && !x->request.expects_continue &&
           x->client->in.end == x->client->in.at;
}

static void await_body(struct weir_exchange *x)
{
    struct weir_client *client = x->client;
    uint64_t body_ms = x->plan->config->body_ms;

    weir_loop_deadline(client->traffic->loop, &client->deadline,
                       body_ms > 0 && body_ms < FIRST_BYTES_MS ? body_ms : FIRST_BYTES_MS);
    if (weir_stream_want(&client->stream, WEIR_WANT_READ) != 0)
        weir_exchange_fail(x, WEIR_NO_MEMORY);
}

void weir_exchange_on_body_late(struct weir_exchange *x)
{
    uint64_t body_ms = x->plan->config->body_ms;

    if (body_ms > 0 && body_ms < FIRST_BYTES_MS)
        weir_exchange_fail(x, WEIR_BODY_TIMEOUT);
    else
        weir_exchange_acquire(x);
}

static void read_first_of_body(struct weir_exchange *x)
{
    struct weir_client *client = x->client;
    struct weir_buffer *in = &client->in;
    ssize_t n = weir_client_read(client, in->block->data + in->end, in->block->size - in->end);

    if (n > 0) {
        in->end += (uint32_t)n;
        weir_deadline_cancel(&client->deadline);
        weir_exchange_acquire(x);
    } else if (n == WEIR_STREAM_PAUSED) {
        await_body(x);
    } else if (n == WEIR_STREAM_END) {
        weir_exchange_fail(x, WEIR_BODY_CUT);
    } else {
        weir_exchange_blame(x, WEIR_CLIENT_GONE);
        weir_exchange_end(x, WEIR_END_RESET);
    }
}

/* What the choice of a server goes by, for the methods that hash. */
static uint64_t find_key(const struct weir_exchange *x)
{
    struct weir_address peer;

    switch (x->pool->config->balance) {
    case WEIR_BALANCE_HASH_SOURCE:
        weir_client_address(x->client, &peer);
        return weir_key_of_source(&peer);
    case WEIR_BALANCE_HASH_HOST:
        return weir_key_of_host(&x->request);
    case WEIR_BALANCE_HASH_PATH:
        return weir_key_of_path(&x->request);
    default:
        return 0;
    }
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
    x->ticket.key = find_key(x);
    struct weir_pool *pool = x->pool->pool;
    unsigned worker = client->traffic->worker;
    weir_count(&pool->slots[worker].counters.requests_total, 1);
    weir_count(&pool->slots[worker].counters.requests_active, 1);
    weir_pool_earn_retry(pool, worker, x->pool->config->retry_budget_percent);
    if (lacks_body(x))
        await_body(x);
    else
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
        weir_exchange_blame(x, WEIR_CLIENT_GONE);
        weir_exchange_end(x, WEIR_END_BREAK);
    }
    return false;
}

void weir_exchange_read_on(struct weir_exchange *x)
{
    struct weir_head_limits limits = weir_exchange_limits(x);

    if (x->is_understood)
        read_first_of_body(x);
    else if (read_more(x, &limits))
        weir_exchange_read_head(x);
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
