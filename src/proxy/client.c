/* Who makes which transition: weir_client_greeted → IDLE; weir_client_run → ACTIVE;
 * weir_client_exchange_done → IDLE or CLOSING; weir_client_close, weir_client_linger → CLOSING. */
#include "weir/proxy/client.h"

#include "weir/base/assert.h"
#include "weir/base/log.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/greet.h"
#include "weir/proxy/reply.h"
#include "weir/upstream/principal.h"

#include <errno.h>
#include <unistd.h>
#include <utlist.h>

enum { LINGER_MS = 5000, FAREWELL_MS = 1000, DRAIN_BYTES = 16384, DRAINS_A_TURN = 16 };

enum { LOOKS_A_TURN = 2 };

#define CLIENT_OF(pointer, member)                                                                 \
    ((struct weir_client *)(void *)((char *)(pointer)-offsetof(struct weir_client, member)))

static const unsigned legal[WEIR_CLIENT_STATE_COUNT] = {
    [WEIR_CLIENT_GREETING] = 1u << WEIR_CLIENT_IDLE | 1u << WEIR_CLIENT_CLOSING,
    [WEIR_CLIENT_IDLE] = 1u << WEIR_CLIENT_ACTIVE | 1u << WEIR_CLIENT_CLOSING,
    [WEIR_CLIENT_ACTIVE] = 1u << WEIR_CLIENT_IDLE | 1u << WEIR_CLIENT_CLOSING,
    [WEIR_CLIENT_CLOSING] = 0,
};

static void become(struct weir_client *client, enum weir_client_state state)
{
    WEIR_ASSERT(legal[client->state] & 1u << state);
    if (state == WEIR_CLIENT_CLOSING && client->principal) {
        weir_principal_destroy(client->principal);
        client->principal = NULL;
    }
    client->state = state;
}

void weir_client_address(const struct weir_client *client, struct weir_address *address)
{
    memcpy(&address->storage, &client->peer, sizeof(client->peer));
    address->len = sizeof(client->peer);
}

bool weir_client_is_trusted(const struct weir_client *client, const struct weir_listener_plan *plan)
{
    struct weir_address peer;

    weir_client_address(client, &peer);
    return !client->is_untold && weir_listener_plan_trusts(plan, &peer);
}

struct weir_principal *weir_client_principal(struct weir_client *client)
{
    struct weir_address source = {.len = 0}, destination = {.len = sizeof(client->destination)};

    if (client->principal)
        return client->principal;
    if (!client->is_untold)
        weir_client_address(client, &source);
    memcpy(&destination.storage, &client->destination, sizeof(client->destination));
    if (destination.any.sa_family == AF_UNSPEC)
        weir_stream_own_address(&client->stream, &destination);
    client->principal = weir_principal_create(&client->traffic->upstream, &source, &destination);
    return client->principal;
}

static ssize_t count_in(struct weir_client *client, ssize_t n)
{
    if (n > 0)
        weir_count(&weir_client_counters(client)->bytes_in, (uint64_t)n);
    client->has_ended |= n == WEIR_STREAM_END;
    return n;
}

static ssize_t count_out(struct weir_client *client, ssize_t n)
{
    if (n > 0) {
        client->bytes_out += (uint64_t)n;
        weir_count(&weir_client_counters(client)->bytes_out, (uint64_t)n);
    }
    return n;
}

static ssize_t count_spliced(struct weir_client *client, ssize_t n)
{
    if (n > 0)
        weir_count(&weir_client_counters(client)->bytes_spliced, (uint64_t)n);
    return n;
}

ssize_t weir_client_read(struct weir_client *client, char *data, size_t len)
{
    return count_in(client, weir_stream_read(&client->stream, data, len));
}

ssize_t weir_client_write(struct weir_client *client, struct weir_gather *gather)
{
    return count_out(client, weir_stream_write(&client->stream, gather));
}

ssize_t weir_client_write_last(struct weir_client *client, struct weir_gather *gather)
{
    return count_out(client, weir_stream_write_last(&client->stream, gather));
}

ssize_t weir_client_splice_in(struct weir_client *client, struct weir_pipe *pipe, uint64_t max)
{
    return count_in(client, count_spliced(client, weir_pipe_fill(pipe, &client->stream, max)));
}

ssize_t weir_client_splice_out(struct weir_client *client, struct weir_pipe *pipe)
{
    return count_out(client, count_spliced(client, weir_pipe_drain(pipe, &client->stream)));
}

/* Everything but the stream itself, once. */
static void leave(struct weir_client *client)
{
    struct weir_address peer;

    weir_client_address(client, &peer);
    if (!client->is_refused)
        weir_listener_leave(client->listener, &peer, client->is_counted);
    weir_count(&weir_client_counters(client)->connections_active, (uint64_t)-1);
    weir_deadline_cancel(&client->deadline);
    weir_deadline_cancel(&client->idle);
    weir_greet_leave_line(client);
    weir_buffer_clear(&client->traffic->loop->blocks, &client->in);
}

void weir_client_close(struct weir_client *client, bool broken)
{
    if (client->stream.is_closed)
        return;
    WEIR_ASSERT(!client->exchange);
    if (client->state != WEIR_CLIENT_CLOSING)
        become(client, WEIR_CLIENT_CLOSING);
    leave(client);
    if (broken)
        weir_stream_reset(&client->stream);
    else
        weir_stream_close(&client->stream);
}

static void await_more(struct weir_client *client)
{
    unsigned wants = (client->has_ended ? 0u : WEIR_WANT_READ) |
                     (client->owes_end ? WEIR_WANT_WRITE : 0u);

    if (wants == WEIR_WANT_NONE || weir_stream_want(&client->stream, wants) != 0)
        weir_client_close(client, false);
}

/* CLOSING with the stream still open: until the client's end, or for MS. */
static void await_end(struct weir_client *client, uint64_t ms)
{
    if (client->state != WEIR_CLIENT_CLOSING)
        become(client, WEIR_CLIENT_CLOSING);
    weir_buffer_clear(&client->traffic->loop->blocks, &client->in);
    weir_loop_deadline(client->traffic->loop, &client->deadline, ms);
    await_more(client);
}

static void send_end(struct weir_client *client)
{
    client->owes_end = weir_stream_shut(&client->stream) != 0;
    if (!client->owes_end)
        weir_stream_strip(&client->stream);
}

void weir_client_linger(struct weir_client *client)
{
    send_end(client);
    await_end(client, LINGER_MS);
}

/* It had its time to close first, or was given none. */
static void end_in_order(struct weir_client *client)
{
    bool lingers = client->lingers ||
                   (!client->owes_end && weir_stream_conclude(&client->stream) != 0);

    client->lingers = false;
    if (lingers)
        weir_client_linger(client);
    else
        weir_client_close(client, false);
}

static void drain(struct weir_client *client)
{
    char dropped[DRAIN_BYTES];

    if (client->owes_end)
        send_end(client);
    for (int i = 0; i < DRAINS_A_TURN && !client->has_ended; i++) {
        ssize_t n = weir_client_read(client, dropped, sizeof(dropped));
        if (n == WEIR_STREAM_PAUSED)
            break;
        if (n == WEIR_STREAM_END)
            break;
        if (n < 0) {
            weir_client_close(client, false);
            return;
        }
    }
    /* Again, in case it was an error that woke us. */
    await_more(client);
}

/* The answer is small enough for any socket's buffer. */
void weir_client_refuse(struct weir_client *client, enum weir_error error)
{
    struct weir_listener_counters *counters = weir_client_counters(client);
    struct weir_gather out;

    weir_gather_init(&out);
    size_t content = weir_reply_write(&out, &(struct weir_reply){.error = error});
    (void)weir_client_write(client, &out);
    weir_gather_clear(&out);
    if (client->traffic->generation->access_log)
        weir_access_refuse(client, error, content);
    weir_count(weir_error_status(error) < 500 ? &counters->answers_4xx : &counters->answers_5xx, 1);
    weir_log(WEIR_LOG_DEBUG, "%s: refused a client: %s", client->listener->name,
             weir_error_text(error));
    weir_client_linger(client);
}

/* Has it shown, by a handshake, that it is about to send its first request? Without TLS the request
 * would be here at once. */
static bool is_about_to_ask(const struct weir_client *client)
{
    return client->requests == 0 && !weir_stream_is_plain(&client->stream);
}

void weir_client_drain(struct weir_client *client)
{
    if (client->state != WEIR_CLIENT_IDLE)
        return;
    if (is_about_to_ask(client))
        weir_loop_deadline(client->traffic->loop, &client->deadline, FAREWELL_MS);
    else
        weir_client_close(client, false);
}

static void watch_idleness(struct weir_client *client, const struct weir_listener_plan *plan)
{
    client->idle_since_ms = weir_loop_now_ms(client->traffic->loop);
    weir_loop_deadline_within(client->traffic->loop, &client->idle, plan->config->idle_ms);
}

/* It stays set while requests come and go: is it idle, and since when? */
static void on_idle(struct weir_deadline *deadline)
{
    struct weir_client *client = CLIENT_OF(deadline, idle);
    const struct weir_listener_plan *plan = weir_client_plan(client);
    uint64_t idle_ms = weir_loop_now_ms(client->traffic->loop) - client->idle_since_ms;
    uint64_t limit_ms = plan ? plan->config->idle_ms : 0;

    if (client->state != WEIR_CLIENT_IDLE || client->requests == 0 || limit_ms == 0)
        return;
    if (idle_ms >= limit_ms)
        end_in_order(client);
    else
        weir_loop_deadline(client->traffic->loop, deadline,
                           weir_deadline_step_ms(limit_ms - idle_ms));
}

/* Waits for the first byte of a request. */
static void await_request(struct weir_client *client)
{
    const struct weir_listener_plan *plan = weir_client_plan(client);

    weir_buffer_clear(&client->traffic->loop->blocks, &client->in);
    if (!plan || (client->traffic->is_draining && !is_about_to_ask(client))) {
        weir_client_close(client, false);
        return;
    }
    /* For the first one the time runs since the connection was accepted, greeting included. */
    if (client->traffic->is_draining)
        weir_client_drain(client);
    else if (client->requests > 0)
        watch_idleness(client, plan);
    else if (!client->deadline.list)
        weir_loop_deadline(client->traffic->loop, &client->deadline, plan->config->header_ms);
    if (weir_stream_want(&client->stream, WEIR_WANT_READ) != 0)
        weir_client_close(client, false);
}

/* RFC 9112 section 2.2: the empty line that old clients send behind a body begins no request. */
static void skip_empty_line(struct weir_client *client)
{
    struct weir_buffer *in = &client->in;

    if (client->requests > 0 && in->end - in->at >= 2 &&
        memcmp(in->block->data + in->at, "\r\n", 2) == 0)
        in->at += 2;
}

/* Has the buffer bytes of a request, or gets them. */
static bool has_bytes(struct weir_client *client)
{
    struct weir_buffer *in = &client->in;
    ssize_t n;

    skip_empty_line(client);
    if (in->end > in->at)
        return true;
    if (!weir_buffer_make_room(&client->traffic->loop->blocks, in, 0, 1, WEIR_BLOCK_BYTES)) {
        weir_client_close(client, false);
        return false;
    }
    in->at = in->end = 0;
    n = weir_client_read(client, in->block->data, in->block->size);
    if (n > 0) {
        in->end = (uint32_t)n;
        skip_empty_line(client);
        if (in->end > in->at)
            return true;
    }
    if (n > 0 || n == WEIR_STREAM_PAUSED)
        await_request(client);
    else
        weir_client_close(client, false);
    return false;
}

void weir_client_run(struct weir_client *client)
{
    if (client->is_running)
        return;
    client->is_running = true;
    while (client->state == WEIR_CLIENT_IDLE && !client->stream.is_closed && has_bytes(client)) {
        /* Its listener has left the configuration: nobody else's rules are right for it. */
        if (!weir_client_plan(client)) {
            weir_client_linger(client);
            break;
        }
        client->exchange = weir_exchange_begin(client);
        if (!client->exchange) {
            weir_client_refuse(client, WEIR_NO_MEMORY);
            break;
        }
        become(client, WEIR_CLIENT_ACTIVE);
        weir_exchange_read_head(client->exchange);
    }
    client->is_running = false;
}

void weir_client_greeted(struct weir_client *client)
{
    become(client, WEIR_CLIENT_IDLE);
    weir_client_run(client);
}

/* May a system call be spent on a client that hardly can have sent more? The first few in each turn
 * of the loop get it: all of them, unless there is much to do (docs/decisions/0012). */
static bool can_afford_look(struct weir_traffic *traffic)
{
    if (traffic->look_turn != traffic->loop->n_turns) {
        traffic->look_turn = traffic->loop->n_turns;
        traffic->looks = 0;
    }
    return traffic->looks++ < LOOKS_A_TURN;
}

/* Has the client sent more than its request? It would turn the close into a reset, and that kills
 * what has not left yet (weir_stream_write_last). */
static bool has_sent_more(struct weir_client *client)
{
    char byte;

    return weir_client_read(client, &byte, sizeof(byte)) > 0;
}

/* Its last exchange ends as END says: does it have to be lingered for? */
static bool needs_lingering(struct weir_client *client, enum weir_client_end end)
{
    if (end == WEIR_END_LINGER || client->in.end > client->in.at)
        return true;
    return (end == WEIR_END_LOOK || can_afford_look(client->traffic)) && has_sent_more(client);
}

uint64_t weir_client_grace_ms(const struct weir_client *client)
{
    /* Where the end of the connection is the end of the body, the client can't close first. */
    return client->exchange->down.sink == WEIR_FRAMING_CLOSE
               ? 0
               : client->exchange->plan->config->close_grace_ms;
}

void weir_client_exchange_done(struct weir_client *client, enum weir_client_end end)
{
    bool is_close_delimited = client->exchange->down.sink == WEIR_FRAMING_CLOSE;
    uint64_t grace_ms = weir_client_grace_ms(client);

    client->exchange = NULL;
    weir_deadline_cancel(&client->deadline);
    switch (end) {
    case WEIR_END_KEEP:
        become(client, WEIR_CLIENT_IDLE);
        /* Without bytes in hand, asking the socket for some would mostly be in vain. */
        if (client->in.end > client->in.at)
            weir_client_run(client);
        else
            await_request(client);
        break;
    case WEIR_END_CLOSE:
    case WEIR_END_LOOK:
    case WEIR_END_LINGER:
        client->lingers = needs_lingering(client, end);
        if (grace_ms > 0)
            await_end(client, grace_ms);
        else
            end_in_order(client);
        break;
    case WEIR_END_BREAK:
        /* And only a reset shows the break. */
        weir_client_close(client, is_close_delimited);
        break;
    default:
        weir_client_close(client, true);
        break;
    }
}

static void on_ready(struct weir_stream *stream, unsigned ready)
{
    struct weir_client *client = CLIENT_OF(stream, stream);

    switch (client->state) {
    case WEIR_CLIENT_GREETING:
        weir_client_greet(client);
        break;
    case WEIR_CLIENT_IDLE:
        weir_client_run(client);
        break;
    case WEIR_CLIENT_ACTIVE:
        weir_exchange_on_client(client->exchange, ready);
        break;
    default:
        drain(client);
        break;
    }
}

static void on_deadline(struct weir_deadline *deadline)
{
    struct weir_client *client = CLIENT_OF(deadline, deadline);

    if (client->state == WEIR_CLIENT_ACTIVE)
        weir_exchange_on_client_late(client->exchange);
    else if (client->state == WEIR_CLIENT_GREETING)
        weir_client_greet_late(client);
    else if (client->state == WEIR_CLIENT_IDLE && client->requests == 0 &&
             !client->traffic->is_draining)
        weir_client_refuse(client, WEIR_HEAD_TIMEOUT);
    else
        end_in_order(client);
}

static void on_closed(struct weir_stream *stream)
{
    struct weir_client *client = CLIENT_OF(stream, stream);
    struct weir_traffic *traffic = client->traffic;

    DL_DELETE(traffic->all, client);
    weir_listener_unref(client->listener);
    weir_slab_give(&traffic->clients, client);
    if (--traffic->n_clients == 0 && traffic->is_draining)
        traffic->on_quiet(traffic);
}

static struct weir_client *make(struct weir_traffic *traffic, struct weir_listener *listener,
                                int fd, const struct weir_address *peer)
{
    struct weir_client *client = weir_slab_take(&traffic->clients);

    if (!client)
        return NULL;
    *client = (struct weir_client){.traffic = traffic, .listener = weir_listener_ref(listener)};
    memcpy(&client->peer, &peer->storage, sizeof(client->peer));
    weir_stream_init(&client->stream, traffic->loop, fd);
    client->stream.on_ready = on_ready;
    client->stream.on_closed = on_closed;
    client->deadline.on_expire = on_deadline;
    client->idle.on_expire = on_idle;
    DL_APPEND(traffic->all, client);
    traffic->n_clients++;
    return client;
}

void weir_traffic_accept(struct weir_traffic *traffic, struct weir_listener *listener, int fd,
                         const struct weir_address *peer)
{
    struct weir_client *client = make(traffic, listener, fd, peer);
    const struct weir_listener_plan *plan = client ? weir_client_plan(client) : NULL;
    struct weir_listener_counters *counters = &listener->slots[traffic->worker].counters;
    uint64_t max = 0, max_per_ip = 0;
    bool is_admitted;

    if (!client) {
        close(fd);
        return;
    }
    if (plan)
        max = plan->config->connections_max;
    /* Where a PROXY header is to tell whom the connection counts for, that comes later. */
    if (plan && !weir_greeting_names_client(plan, peer))
        max_per_ip = plan->config->connections_per_ip_max;
    is_admitted = weir_listener_admit(listener, peer, max, max_per_ip, &client->is_counted);
    weir_count(&counters->connections_active, 1);
    weir_count(&counters->connections_accepted, 1);
    if (is_admitted) {
        weir_client_greet(client);
        return;
    }
    weir_count(&counters->connections_rejected, 1);
    client->is_refused = true;
    /* Who would first have to be greeted could not understand the answer. */
    if (plan && weir_greeting_is_due(plan))
        weir_client_close(client, true);
    else
        weir_client_refuse(client, WEIR_TOO_MANY_CLIENTS);
}
