#include "weir/proxy/greet.h"

#include "weir/base/log.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum outcome {
    DONE,
    WAITS, /* for what the stream was told to want, or in line */
    FAILED /* the client is CLOSING */
};

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
                                     const struct weir_listener_plan *plan) = {shake_hands};

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
    if (!weir_stream_is_plain(&client->stream))
        weir_count(&weir_client_counters(client)->tls_failed, 1);
    weir_log(WEIR_LOG_DEBUG, "%s: a client's greeting did not come in time",
             client->listener->name);
    weir_client_close(client, true);
}
