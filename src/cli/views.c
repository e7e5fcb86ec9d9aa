#include "views.h"

#include <string.h>

#define STATS WEIR_IN_STATS
#define TOP WEIR_IN_TOP
#define BOTH WEIR_IN_BOTH
#define COLUMN(title, kind, in, path)                                                              \
    {                                                                                              \
        title, WEIR_COLUMN_##kind, in, path, NULL                                                  \
    }
#define SHARE(title, path, of)                                                                     \
    {                                                                                              \
        title, WEIR_COLUMN_SHARE, TOP, path, of                                                    \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, WEIR_COLUMN_NAME, 0, NULL, NULL                                                      \
    }

static const struct weir_column pool_columns[] = {
    COLUMN("POOL", NAME, BOTH, NULL),
    COLUMN("PAUSED", FLAG, BOTH, "paused"),
    COLUMN("REQUESTS", NUMBER, STATS, "requests/total"),
    COLUMN("REQ/S", RATE, TOP, "requests/total"),
    COLUMN("ACTIVE", NUMBER, BOTH, "requests/active"),
    COLUMN("TUNNELS", NUMBER, BOTH, "tunnels/active"),
    COLUMN("WAITING", NUMBER, BOTH, "queue/waiting"),
    COLUMN("OLDEST_MS", NUMBER, BOTH, "queue/oldest_ms"),
    COLUMN("OPENED", NUMBER, STATS, "connections/opened"),
    COLUMN("OPENED/S", RATE, TOP, "connections/opened"),
    COLUMN("REUSE", RATIO, STATS, "reuse_ratio"),
    SHARE("REUSE", "connections/reused", "requests/total"),
    COLUMN("P50_MS", NUMBER, BOTH, "latency_ms/response/p50"),
    COLUMN("P99_MS", NUMBER, BOTH, "latency_ms/response/p99"),
    COLUMN("CONN_IDLE", NUMBER, BOTH, "connections/idle"),
    COLUMN("CONN_ACTIVE", NUMBER, BOTH, "connections/active"),
    COLUMN("CONNECTING", NUMBER, BOTH, "connections/connecting"),
    COLUMN("TW_AVOIDED", NUMBER, STATS, "time_wait_avoided"),
    COLUMN("QUEUE_P99_MS", NUMBER, BOTH, "latency_ms/queue/p99"),
    COLUMN("RETRIED", NUMBER, STATS, "requests/retried"),
    COLUMN("RETRIED/S", RATE, TOP, "requests/retried"),
    COLUMN("FAILED", NUMBER, STATS, "requests/failed"),
    COLUMN("FAILED/S", RATE, TOP, "requests/failed"),
    COLUMN("TIMED_OUT", NUMBER, STATS, "queue/timed_out"),
    COLUMN("TIMED_OUT/S", RATE, TOP, "queue/timed_out"),
    COLUMN("REJECTED", NUMBER, STATS, "queue/rejected"),
    COLUMN("REJECTED/S", RATE, TOP, "queue/rejected"),
    COLUMN("RACES", NUMBER, STATS, "races/seen"),
    COLUMN("RACES/S", RATE, TOP, "races/seen"),
    END,
};

static const struct weir_column server_columns[] = {
    COLUMN("POOL", OWNER, BOTH, NULL),
    COLUMN("SERVER", NAME, BOTH, NULL),
    COLUMN("STATE", TEXT, BOTH, "state"),
    COLUMN("ADMIN", TEXT, STATS, "admin_state"),
    COLUMN("WEIGHT", NUMBER, STATS, "weight"),
    COLUMN("REQUESTS", NUMBER, STATS, "requests/total"),
    COLUMN("REQ/S", RATE, TOP, "requests/total"),
    COLUMN("ACTIVE", NUMBER, BOTH, "requests/active"),
    COLUMN("TUNNELS", NUMBER, BOTH, "tunnels/active"),
    COLUMN("OPENED", NUMBER, STATS, "connections/opened"),
    COLUMN("OPENED/S", RATE, TOP, "connections/opened"),
    COLUMN("REUSE", RATIO, STATS, "reuse_ratio"),
    SHARE("REUSE", "connections/reused", "requests/total"),
    COLUMN("P50_MS", NUMBER, BOTH, "latency_ms/response/p50"),
    COLUMN("P99_MS", NUMBER, BOTH, "latency_ms/response/p99"),
    COLUMN("TW_SERVER", NUMBER, BOTH, "tcp/server_side/time_wait"),
    COLUMN("TW_PROXY", NUMBER, BOTH, "tcp/proxy_side/time_wait"),
    COLUMN("FAILED", NUMBER, STATS, "requests/failed"),
    COLUMN("FAILED/S", RATE, TOP, "requests/failed"),
    COLUMN("CONN_IDLE", NUMBER, BOTH, "connections/idle"),
    COLUMN("CONN_ACTIVE", NUMBER, BOTH, "connections/active"),
    COLUMN("CHECK", TEXT, BOTH, "health/check"),
    COLUMN("FAILURES", NUMBER, STATS, "health/failures"),
    COLUMN("EJECTIONS", NUMBER, STATS, "health/ejections"),
    COLUMN("TW_AVOIDED", NUMBER, STATS, "time_wait_avoided"),
    COLUMN("RACES", NUMBER, STATS, "races/seen"),
    COLUMN("PORTS_LEFT", NUMBER, BOTH, "ports/available"),
    COLUMN("KEPT", FLAG, STATS, "keep_alive/honoured"),
    COLUMN("KEPT_MS", LIMIT, BOTH, "keep_alive/idle_timeout_ms"),
    COLUMN("LEARNED_FROM", TEXT, BOTH, "keep_alive/learned_from"),
    COLUMN("QUICK_ACK", FLAG, STATS, "keep_alive/quick_ack"),
    COLUMN("NOT_KEPT_BECAUSE", TEXT, STATS, "keep_alive/reason"),
    END,
};

static const struct weir_column listener_columns[] = {
    COLUMN("LISTENER", NAME, BOTH, NULL),
    COLUMN("CLIENTS", NUMBER, BOTH, "connections/active"),
    COLUMN("ACCEPTED", NUMBER, STATS, "connections/accepted"),
    COLUMN("ACCEPTED/S", RATE, TOP, "connections/accepted"),
    COLUMN("REFUSED", NUMBER, STATS, "connections/rejected"),
    COLUMN("REFUSED/S", RATE, TOP, "connections/rejected"),
    COLUMN("REQUESTS", NUMBER, STATS, "requests/total"),
    COLUMN("REQ/S", RATE, TOP, "requests/total"),
    COLUMN("ACTIVE", NUMBER, BOTH, "requests/active"),
    COLUMN("TUNNELS", NUMBER, BOTH, "tunnels/active"),
    COLUMN("2XX", NUMBER, STATS, "requests/2xx"),
    COLUMN("3XX", NUMBER, STATS, "requests/3xx"),
    COLUMN("4XX", NUMBER, STATS, "requests/4xx"),
    COLUMN("5XX", NUMBER, STATS, "requests/5xx"),
    COLUMN("2XX/S", RATE, TOP, "requests/2xx"),
    COLUMN("3XX/S", RATE, TOP, "requests/3xx"),
    COLUMN("4XX/S", RATE, TOP, "requests/4xx"),
    COLUMN("5XX/S", RATE, TOP, "requests/5xx"),
    COLUMN("BYTES_IN", NUMBER, STATS, "bytes/in"),
    COLUMN("BYTES_OUT", NUMBER, STATS, "bytes/out"),
    COLUMN("IN_BYTES/S", RATE, TOP, "bytes/in"),
    COLUMN("OUT_BYTES/S", RATE, TOP, "bytes/out"),
    COLUMN("TIME_WAIT", NUMBER, BOTH, "tcp/time_wait"),
    COLUMN("CLOSE_WAIT", NUMBER, BOTH, "tcp/close_wait"),
    COLUMN("ADDRESSES", LIST, BOTH, "addresses"),
    END,
};

static const struct weir_column worker_columns[] = {
    COLUMN("WORKER", NAME, BOTH, NULL),
    COLUMN("CLIENTS", NUMBER, BOTH, "connections/active"),
    COLUMN("ACCEPTED", NUMBER, STATS, "connections/accepted"),
    COLUMN("ACCEPTED/S", RATE, TOP, "connections/accepted"),
    COLUMN("REQUESTS", NUMBER, STATS, "requests/total"),
    COLUMN("REQ/S", RATE, TOP, "requests/total"),
    COLUMN("ACTIVE", NUMBER, BOTH, "requests/active"),
    COLUMN("UPSTREAM_IDLE", NUMBER, BOTH, "upstream/idle"),
    COLUMN("REUSED", NUMBER, STATS, "upstream/reused"),
    COLUMN("REUSED/S", RATE, TOP, "upstream/reused"),
    COLUMN("STOLEN", NUMBER, STATS, "upstream/stolen"),
    COLUMN("STOLEN/S", RATE, TOP, "upstream/stolen"),
    END,
};

static const struct weir_column connection_columns[] = {
    COLUMN("ID", NUMBER, STATS, "id"),
    COLUMN("POOL", TEXT, STATS, "pool"),
    COLUMN("SERVER", TEXT, STATS, "server"),
    COLUMN("WORKER", NUMBER, STATS, "worker"),
    COLUMN("STATE", TEXT, STATS, "state"),
    COLUMN("AGE_MS", NUMBER, STATS, "age_ms"),
    COLUMN("IDLE_MS", NUMBER, STATS, "idle_ms"),
    COLUMN("REQUESTS", NUMBER, STATS, "requests"),
    COLUMN("RTT_US", NUMBER, STATS, "rtt_us"),
    COLUMN("BYTES_IN", NUMBER, STATS, "bytes_in"),
    COLUMN("BYTES_OUT", NUMBER, STATS, "bytes_out"),
    END,
};

const struct weir_view weir_views[WEIR_VIEWS] = {{"pools", pool_columns},
                                                 {"servers", server_columns},
                                                 {"listeners", listener_columns},
                                                 {"workers", worker_columns},
                                                 {"connections", connection_columns}};

const struct weir_view *weir_view_find(const char *name)
{
    for (size_t i = 0; i < WEIR_VIEWS; i++) {
        if (strcmp(weir_views[i].name, name) == 0)
            return &weir_views[i];
    }
    return NULL;
}
