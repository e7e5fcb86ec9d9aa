/* Asks a server: the sequence of the probe, with its bounds. */
#ifndef WEIR_CLI_PROBE_ASK_H
#define WEIR_CLI_PROBE_ASK_H

#include "probe_seen.h"

enum {
    WEIR_PROBE_CONNECTIONS_MAX = 40, /* whatever is asked for */
    WEIR_PROBE_CONNECTIONS = 24,     /* unless told */
    WEIR_PROBE_CONNECTIONS_MIN = 4,
    WEIR_PROBE_PATIENCE_MS_MAX = 60000,
    WEIR_PROBE_PATIENCE_MS_MIN = 5000,
    WEIR_PROBE_REQUESTS = 120, /* on one connection */
};

struct weir_probe_plan {
    struct weir_address address;
    const char *host; /* for the Host field */
    const char *path;
    struct weir_probe_tls *tls; /* NULL: plain */
    unsigned connections;       /* in all */
    uint64_t patience_ms;       /* in all */
};

/* Fills in SEEN but for its address and path. Blocks: for as long as the plan says.
 * Fails: false, the first request was not answered, and FAULT says why. */
bool weir_probe_run(const struct weir_probe_plan *plan, struct weir_probe_seen *seen, char *fault,
                    size_t size);

#endif
