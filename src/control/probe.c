#include "weir/control/probe.h"

#include "weir/base/gather.h"
#include "weir/http/body.h"
#include "weir/net/announce.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The answer's body is read so that the server need not see a reset in the middle of it, but not
 * for ever. */
enum { HEAD_BYTES_MAX = 8192, BODY_BYTES_MAX = 256 * 1024 };

struct weir_probe {
    struct weir_stream stream;
    struct weir_loop *loop;
    const struct weir_probe_order *order;
    const struct weir_probe_events *events;
    void *owner;
    struct weir_deadline deadline;
    struct weir_gather out;
    struct weir_head head;
    struct weir_body body;
    bool is_connected, is_greeted, has_verdict; /* greeted: TLS, if any, is established */
    uint32_t len;
    uint64_t body_bytes;
    char data[HEAD_BYTES_MAX];
};

#define PROBE_OF(pointer, member)                                                                  \
    ((struct weir_probe *)(void *)((char *)(pointer)-offsetof(struct weir_probe, member)))

void weir_probe_cancel(struct weir_probe *probe)
{
    probe->has_verdict = true;
    weir_deadline_cancel(&probe->deadline);
    if (probe->order->resets)
        weir_stream_reset(&probe->stream);
    else
        weir_stream_close(&probe->stream);
}

__attribute__((format(printf, 3, 4))) static void decide(struct weir_probe *probe, bool is_good,
                                                         const char *format, ...)
{
    char why[WEIR_PROBE_WHY_MAX];
    va_list arguments;

    if (probe->has_verdict)
        return;
    probe->has_verdict = true;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    probe->events->on_verdict(probe->owner, is_good, why);
}

/* Reads over LEN bytes of the body. True: more of it is to come. */
static bool skip_body(struct weir_probe *probe, const char *data, size_t len)
{
    struct weir_slice content;
    size_t used;

    probe->body_bytes += len;
    while (!weir_body_is_complete(&probe->body) && probe->body_bytes <= BODY_BYTES_MAX) {
        enum weir_body_event event = weir_body_next(&probe->body, data, len, &used, &content);
        data += used;
        len -= used;
        if (event == WEIR_BODY_MORE)
            return true;
        if (event != WEIR_BODY_DATA)
            return false;
    }
    return false;
}

/* Reads what has come of the answer. True: more of it is to come. */
static bool read_answer(struct weir_probe *probe)
{
    static const struct weir_head_limits limits = {.bytes_max = HEAD_BYTES_MAX,
                                                   .fields_max = WEIR_FIELDS_INLINE};
    struct weir_response response;
    enum weir_error error;

    for (;;) {
        error = weir_head_parse(&probe->head, probe->data, probe->len, &limits);
        if (!error && !probe->head.complete && probe->len < sizeof(probe->data))
            return true;
        if (!error && probe->head.complete)
            error = weir_response_read(&response, &probe->head, probe->data, WEIR_METHOD_GET);
        if (error || !probe->head.complete) {
            decide(probe, false, "the answer is not valid HTTP");
            return false;
        }
        if (!response.is_interim)
            break;
        probe->len -= probe->head.end;
        memmove(probe->data, probe->data + probe->head.end, probe->len);
        weir_head_fini(&probe->head);
        weir_head_init(&probe->head, WEIR_HEAD_RESPONSE);
    }
    decide(probe, weir_statuses_has(&probe->order->expect, probe->head.status), "status %u",
           probe->head.status);
    weir_body_init(&probe->body, response.framing);
    return skip_body(probe, probe->data + probe->head.end, probe->len - probe->head.end);
}

/* True: more is to come. */
static bool read_in(struct weir_probe *probe)
{
    bool is_head = !probe->head.complete;
    char dropped[4096];
    ssize_t n = is_head ? weir_stream_read(&probe->stream, probe->data + probe->len,
                                           sizeof(probe->data) - probe->len)
                        : weir_stream_read(&probe->stream, dropped, sizeof(dropped));

    if (n == WEIR_STREAM_PAUSED)
        return true;
    if (n <= 0) {
        decide(probe, false, "the connection ended before the answer: %s",
               n == WEIR_STREAM_END || n == WEIR_STREAM_CUT ? "closed"
               : weir_stream_fault(&probe->stream)          ? weir_stream_fault(&probe->stream)
                                                            : strerror((int)-n));
        return false;
    }
    if (!is_head)
        return skip_body(probe, dropped, (size_t)n);
    probe->len += (uint32_t)n;
    return read_answer(probe);
}

/* True: it goes on. */
static bool write_out(struct weir_probe *probe)
{
    ssize_t n = weir_gather_is_empty(&probe->out) ? 0
                                                  : weir_stream_write(&probe->stream, &probe->out);

    if (n >= 0 || n == WEIR_STREAM_PAUSED)
        return true;
    decide(probe, false, "the request could not be sent: %s", strerror((int)-n));
    return false;
}

/* True: it goes on. */
static bool connect_on(struct weir_probe *probe)
{
    const struct weir_server_tls *tls = probe->order->tls;
    ssize_t n = weir_stream_connected(&probe->stream);
    struct ssl_st *ssl;

    if (n == 0)
        n = weir_announce_write(&probe->stream, probe->order->announces, NULL, NULL);
    if (n < 0) {
        decide(probe, false, "connecting failed: %s", strerror((int)-n));
        return false;
    }
    if (tls) {
        ssl = weir_tls_dialer_dial(tls->dialer, tls->name, NULL);
        if (!ssl || weir_stream_start_tls(&probe->stream, ssl) != 0) {
            decide(probe, false, "out of memory for TLS");
            return false;
        }
    }
    probe->is_connected = true;
    probe->is_greeted = !tls;
    return true;
}

/* True: it goes on; the handshake is complete once `is_greeted`, or else it waits for *WANTS. */
static bool shake_hands(struct weir_probe *probe, unsigned *wants)
{
    int error = weir_stream_handshake(&probe->stream, wants);
    const char *fault = weir_stream_fault(&probe->stream);

    probe->is_greeted = error == 0;
    if (error == 0 || error == WEIR_STREAM_PAUSED)
        return true;
    decide(probe, false, "%s: %s",
           weir_stream_is_untrusted(&probe->stream) ? "the server's certificate is not accepted"
                                                    : "the TLS handshake failed",
           fault ? fault : strerror(-error));
    return false;
}

static void on_ready(struct weir_stream *stream, unsigned ready)
{
    struct weir_probe *probe = PROBE_OF(stream, stream);
    bool goes_on = probe->is_connected || connect_on(probe);
    unsigned wants = WEIR_WANT_READ;

    if (goes_on && !probe->is_greeted) {
        ready = WEIR_WANT_WRITE;
        goes_on = shake_hands(probe, &wants);
        if (goes_on && !probe->is_greeted) {
            if (weir_stream_want(stream, wants) != 0)
                weir_probe_cancel(probe);
            return;
        }
    }
    if (goes_on && ready & WEIR_WANT_WRITE)
        goes_on = write_out(probe);
    if (goes_on && ready & WEIR_WANT_READ)
        goes_on = read_in(probe);
    if (!goes_on || weir_stream_want(stream, weir_gather_is_empty(&probe->out)
                                                 ? WEIR_WANT_READ
                                                 : WEIR_WANT_READ | WEIR_WANT_WRITE) != 0)
        weir_probe_cancel(probe);
}

static void on_late(struct weir_deadline *deadline)
{
    struct weir_probe *probe = PROBE_OF(deadline, deadline);

    decide(probe, false, "no answer within %llu ms", (unsigned long long)probe->order->timeout_ms);
    weir_probe_cancel(probe);
}

static void on_closed(struct weir_stream *stream)
{
    struct weir_probe *probe = PROBE_OF(stream, stream);
    void *owner = probe->owner;
    const struct weir_probe_events *events = probe->events;

    weir_gather_clear(&probe->out);
    weir_head_fini(&probe->head);
    free(probe);
    events->on_gone(owner);
}

struct weir_probe *weir_probe_start(struct weir_loop *loop, const struct weir_probe_order *order,
                                    const struct weir_probe_events *events, void *owner,
                                    char why[WEIR_PROBE_WHY_MAX], enum weir_connect_fault *fault)
{
    struct weir_probe *probe = calloc(1, sizeof(*probe));
    const struct weir_address *source = order->source.len > 0 ? &order->source : NULL;
    int error = -ENOMEM;

    *fault = WEIR_CONNECT_FAULT_SOCKETS;
    if (probe)
        error = weir_stream_connect(&probe->stream, loop, &order->address, source, fault);
    if (error) {
        snprintf(why, WEIR_PROBE_WHY_MAX, "connecting failed: %s", strerror(-error));
        free(probe);
        return NULL;
    }
    probe->loop = loop;
    probe->order = order;
    probe->events = events;
    probe->owner = owner;
    probe->stream.on_ready = on_ready;
    probe->stream.on_closed = on_closed;
    probe->deadline.on_expire = on_late;
    weir_gather_init(&probe->out);
    weir_gather_add(&probe->out, weir_slice_from(order->request));
    weir_head_init(&probe->head, WEIR_HEAD_RESPONSE);
    weir_loop_deadline(loop, &probe->deadline, order->timeout_ms);
    /* Where it can't enter the loop, its deadline says so. */
    (void)weir_stream_want(&probe->stream, WEIR_WANT_WRITE);
    return probe;
}
