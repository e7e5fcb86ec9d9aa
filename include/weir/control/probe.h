/* One question to a server: a connection of its own, one request, and what the answer's status
 * says. Thread: control. */
#ifndef WEIR_CONTROL_PROBE_H
#define WEIR_CONTROL_PROBE_H

#include "weir/config/statuses.h"
#include "weir/net/proxy_protocol.h"
#include "weir/net/stream.h"
#include "weir/upstream/server.h"

struct weir_probe;

/* What is asked; all of it must last until on_gone. */
struct weir_probe_order {
    struct weir_address address;
    struct weir_address source;        /* where it is asked from; len 0: where the kernel likes */
    enum weir_proxy_version announces; /* as weir's own, in such a header before all else */
    char *request;                     /* its bytes, whole */
    struct weir_statuses expect;
    uint64_t timeout_ms;
    struct weir_server_tls *tls; /* how TLS is spoken; NULL: it is not */
    bool resets; /* the connection ends with a reset, so that no TIME_WAIT is left */
};

enum { WEIR_PROBE_WHY_MAX = 128 };

struct weir_probe_events {
    /* Once, unless it was cancelled before; WHY is for people. */
    void (*on_verdict)(void *owner, bool is_good, const char *why);
    /* The last that is heard of the probe. */
    void (*on_gone)(void *owner);
};

/* Starts it; both events come later. Fails: NULL, WHY says why; a *fault other than OTHER says
 * nothing about the server. */
struct weir_probe *weir_probe_start(struct weir_loop *loop, const struct weir_probe_order *order,
                                    const struct weir_probe_events *events, void *owner,
                                    char why[WEIR_PROBE_WHY_MAX], enum weir_connect_fault *fault);

/* Ends it as it is; on_gone follows. Idempotent. */
void weir_probe_cancel(struct weir_probe *probe);

#endif
