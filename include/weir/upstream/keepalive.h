/* May a connection live on? Pure. */
#ifndef WEIR_UPSTREAM_KEEPALIVE_H
#define WEIR_UPSTREAM_KEEPALIVE_H

#include "weir/upstream/server.h"

/* How the exchange on it ended, and how much the connection has behind it. */
struct weir_keepalive_facts {
    bool request_complete;    /* sent to its last byte */
    bool response_complete;   /* read to its end mark, and valid */
    bool server_keeps;        /* by version, Connection and framing of the answer */
    bool bytes_left;          /* more came than belongs to the answer */
    bool server_ended;        /* its FIN is here */
    bool is_retired;          /* the server left the configuration */
    bool is_recalled;         /* an operator wants it closed */
    bool is_draining;         /* weir is shutting down */
    bool is_spent;            /* announced for a client who asks for nothing more */
    uint64_t requests;        /* that it has carried */
    uint64_t requests_max;    /* 0: no limit */
    uint64_t now_ms, ends_ms; /* ends_ms 0: does not age */
};

/* WEIR_CLOSED_NOT when it may, else the reason to close it for. */
enum weir_close_reason weir_keepalive_decide(const struct weir_keepalive_facts *facts);

#endif
