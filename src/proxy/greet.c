#include "weir/proxy/greet.h"

#include "weir/base/log.h"
#include "weir/net/proxy_protocol.h"
#include "weir/proxy/exchange.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum { TELL_EACH_MS = 10000 };

enum outcome {
    DONE,
    WAITS, /* for what the stream was told to want, or in line */
    FAILED /* the client is CLOSING */
};

/* ---- The PROXY header ---- */

bool weir_greeting_names_client(const struct weir_listener_plan *plan,
                                const struct weir_address *peer)
{
    return plan->config->proxy_protocol == WEIR_SWITCH_ON && weir_listener_plan_trusts(plan, peer);
}

static bool names_client(const struct weir_client *client, const struct weir_listener_plan *plan)
{
    struct weir_address peer;

    weir_client_address(client, &peer);
    return weir_greeting_names_client(plan, &peer);
}

/* Its PROXY header is missing or no good. A balancer that gets it wrong does so for each
 * connection: it is told once in a while. */
static enum outcome refuse_header(struct weir_client *client, const char *reason)
{
    struct weir_listener_slot *slot = &client->listener->slots[client->traffic->worker];
    uint64_t now_ms = weir_loop_now_ms(client->traffic->loop);
    bool is_news = slot->told_ms == 0 || now_ms >= slot->told_ms + TELL_EACH_MS;
    char host[WEIR_ADDRESS_TEXT_MAX];
    struct weir_address peer;

    weir_client_address(client, &peer);
    if (is_news)
        slot->told_ms = now_ms;
    weir_log(is_news ? WEIR_LOG_WARN : WEIR_LOG_DEBUG,
             "%s: closed a connection from %s, which must begin with a PROXY header: %s",
             client->listener->name, weir_address_describe_host(&peer, host), reason);
    weir_count(&slot->counters.proxy_headers_refused, 1);
    weir_client_close(client, false);
    return FAILED;
}

static enum outcome await_header(struct weir_client *client)
{
    struct weir_buffer *in = &client->in;

    if (in->end == 0)
        weir_buffer_clear(&client->traffic->loop->blocks, in);
    if (weir_stream_want(&client->stream, WEIR_WANT_READ) == 0)
        return WAITS;
    weir_client_close(client, false);
    return FAILED;
}

/* From now on it is whom the header names; the limit for one address holds for that. */
static enum outcome rename_client(struct weir_client *client, const struct weir_listener_plan *plan,
                                  const struct weir_proxy_header *header)
{
    struct weir_address peer;
    uint64_t max;

    client->is_untold = header->subject == WEIR_PROXY_UNTOLD;
    if (header->subject == WEIR_PROXY_CLIENT) {
        memcpy(&client->peer, &header->source.storage, sizeof(client->peer));
        memcpy(&client->destination, &header->destination.storage, sizeof(client->destination));
    }
    weir_client_address(client, &peer);
    /* Whom nobody could tell, behind a Unix socket, has none. */
    max = peer.any.sa_family == AF_UNIX ? 0 : plan->config->connections_per_ip_max;
    client->is_counted = max > 0 && weir_listener_admit_peer(client->listener, &peer, max);
    if (max == 0 || client->is_counted)
        return DONE;
    weir_count(&weir_client_counters(client)->connections_rejected, 1);
    if (weir_greeting_is_due(plan))
        weir_client_close(client, true);
    else
        weir_client_refuse(client, WEIR_TOO_MANY_CLIENTS);
    return FAILED;
}

/* Reads what has come of the header into the client's buffer, and understands it. On a plain stream
 * what follows may come along, and stays there; what follows for TLS must stay in the socket. */
static enum weir_proxy_verdict read_some(struct weir_client *client, bool is_followed_by_tls,
                                         struct weir_proxy_header *header, const char **reason)
{
    struct weir_buffer *in = &client->in;
    char *data = in->block->data;
    enum weir_proxy_verdict verdict;
    size_t used = 0, own;
    ssize_t n;

    n = is_followed_by_tls
            ? weir_stream_look(&client->stream, data + in->end, WEIR_PROXY_BYTES_MAX - in->end)
            : weir_client_read(client, data + in->end, in->block->size - in->end);
    if (n == WEIR_STREAM_PAUSED)
        return WEIR_PROXY_MORE;
    *reason = in->end > 0 ? "the connection ended in it" : NULL;
    if (n <= 0)
        return WEIR_PROXY_BAD;
    verdict = weir_proxy_protocol_read(data, in->end + (size_t)n, header, &used, reason);
    own = verdict == WEIR_PROXY_DONE ? used - in->end : (size_t)n;
    if (is_followed_by_tls && weir_client_read(client, data + in->end, own) != (ssize_t)own)
        return WEIR_PROXY_BAD;
    in->end += (uint32_t)n;
    in->at = (uint32_t)used;
    return verdict;
}

/* The PROXY header, of peers that must send one. */
static enum outcome read_header(struct weir_client *client, const struct weir_listener_plan *plan)
{
    struct weir_slab *blocks = &client->traffic->loop->blocks;
    struct weir_proxy_header header;
    const char *reason = NULL;

    if (!names_client(client, plan))
        return DONE;
    if (!weir_buffer_make_room(blocks, &client->in, 0, 1, WEIR_BLOCK_BYTES)) {
        weir_client_close(client, true);
        return FAILED;
    }
    switch (read_some(client, weir_greeting_is_due(plan), &header, &reason)) {
    case WEIR_PROXY_MORE:
        return await_header(client);
    case WEIR_PROXY_DONE:
        if (weir_greeting_is_due(plan))
            weir_buffer_clear(blocks, &client->in);
        return rename_client(client, plan, &header);
    default:
        break;
    }
    if (reason)
        return refuse_header(client, reason);
    /* Nothing came at all: that is how balancers look whether somebody is there. */
    weir_client_close(client, false);
    return FAILED;
}

/* ---- The line ---- */

static bool has_room(const struct weir_traffic *traffic, const struct weir_listener_plan *plan)
{
    uint64_t max = plan ? plan->config->handshakes_max : 0;

    return max == 0 || traffic->handshakes < max;
}

void weir_greet_leave_line(struct weir_client *client)
{
    if (!client->line_prev)
        return;
    DL_DELETE2(client->traffic->line, client, line_prev, line_next);
    client->line_prev = client->line_next = NULL;
}

/* Whoever comes while others stand in line stands behind them. */
static bool is_next(struct weir_client *client, const struct weir_listener_plan *plan)
{
    struct weir_traffic *traffic = client->traffic;
    bool may_go = has_room(traffic, plan);

    weir_loop_next_turn(traffic->loop, &traffic->line_turn);
    if (may_go)
        traffic->handshakes++;
    else if (!client->line_prev)
        DL_APPEND2(traffic->line, client, line_prev, line_next);
    return may_go;
}

void weir_greet_on_turn(struct weir_turn *turn)
{
    struct weir_traffic *traffic =
        (struct weir_traffic *)(void *)((char *)turn - offsetof(struct weir_traffic, line_turn));

    traffic->handshakes = 0;
    while (traffic->line && has_room(traffic, weir_client_plan(traffic->line))) {
        struct weir_client *client = traffic->line;
        weir_greet_leave_line(client);
        weir_client_greet(client);
    }
}

/* ---- The handshake of TLS ---- */

static void fail(struct weir_client *client, int error)
{
    struct weir_stream *stream = &client->stream;

    weir_count(&weir_client_counters(client)->tls_failed, 1);
    weir_log(WEIR_LOG_DEBUG, "%s: a TLS handshake failed: %s", client->listener->name,
             weir_stream_fault(stream) ? weir_stream_fault(stream) : strerror(-error));
    if (error == -EPROTOTYPE) {
        /* The client does not speak TLS, so it would not understand an alert. */
        weir_stream_strip(stream);
        weir_client_refuse(client, WEIR_PLAIN_REQUEST);
    } else if (error == -EPROTO) {
        weir_client_linger(client);
    } else {
        weir_client_close(client, true);
    }
}

static enum outcome shake_hands(struct weir_client *client, const struct weir_listener_plan *plan)
{
    struct weir_listener_counters *counters = weir_client_counters(client);
    struct weir_stream *stream = &client->stream;
    struct weir_tls_front *front = plan->config->front;
    unsigned wants = WEIR_WANT_NONE;
    int error = 0;

    if (!front && weir_stream_is_plain(stream))
        return DONE;
    if (weir_stream_is_plain(stream))
        error = weir_stream_accept_tls(stream, weir_tls_front_context(front));
    if (!error)
        error = is_next(client, plan) ? weir_stream_handshake(stream, &wants) : WEIR_STREAM_PAUSED;
    if (error == WEIR_STREAM_PAUSED)
        error = weir_stream_want(stream, wants) == 0 ? WEIR_STREAM_PAUSED : -ENOMEM;
    if (error == WEIR_STREAM_PAUSED)
        return WAITS;
    if (error) {
        fail(client, error);
        return FAILED;
    }
    weir_count(&counters->tls_handshakes, 1);
    if (weir_stream_is_resumed(stream))
        weir_count(&counters->tls_resumed, 1);
    return DONE;
}

/* ---- All of it ---- */

static enum outcome (*const steps[])(struct weir_client *client,
                                     const struct weir_listener_plan *plan) = {read_header,
                                                                               shake_hands};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

void weir_client_greet(struct weir_client *client)
{
    const struct weir_listener_plan *plan = weir_client_plan(client);
    enum outcome outcome;

    if (!plan) {
        weir_client_close(client, true);
        return;
    }
    for (; client->greeted < STEPS; client->greeted++) {
        outcome = steps[client->greeted](client, plan);
        if (outcome == WAITS && !client->deadline.list)
            weir_loop_deadline(client->traffic->loop, &client->deadline, plan->config->header_ms);
        if (outcome != DONE)
            return;
    }
    weir_client_greeted(client);
}

void weir_client_greet_late(struct weir_client *client)
{
    const struct weir_listener_plan *plan = weir_client_plan(client);

    if (plan && steps[client->greeted] == read_header && names_client(client, plan)) {
        (void)refuse_header(client, "it did not come in time");
        return;
    }
    if (!weir_stream_is_plain(&client->stream))
        weir_count(&weir_client_counters(client)->tls_failed, 1);
    weir_log(WEIR_LOG_DEBUG, "%s: a client's greeting did not come in time",
             client->listener->name);
    weir_client_close(client, true);
}
