#include "weir/proxy/greet.h"

#include "weir/base/log.h"

#include <string.h>

enum outcome {
    DONE,
    WAITS, /* for what the stream was told to want */
    FAILED /* the client is CLOSING */
};

/* The handshake of TLS. */
static enum outcome shake_hands(struct weir_client *client, const struct weir_listener_plan *plan)
{
    struct weir_stream *stream = &client->stream;
    unsigned wants;
    int error;

    if (!plan->tls && weir_stream_is_plain(stream))
        return DONE;
    error = weir_stream_is_plain(stream) ? weir_stream_accept_tls(stream, plan->tls) : 0;
    if (!error)
        error = weir_stream_handshake(stream, &wants);
    if (!error)
        return DONE;
    if (error == WEIR_STREAM_PAUSED && weir_stream_want(stream, wants) == 0)
        return WAITS;
    weir_log(WEIR_LOG_DEBUG, "%s: a TLS handshake failed: %s", client->listener->name,
             weir_stream_fault(stream) ? weir_stream_fault(stream) : strerror(-error));
    weir_client_linger(client);
    return FAILED;
}

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
    weir_log(WEIR_LOG_DEBUG, "%s: a client's greeting did not come in time",
             client->listener->name);
    weir_client_close(client, true);
}
