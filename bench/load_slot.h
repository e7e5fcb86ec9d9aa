/* One of the load's clients: it sends a request, takes the answer, and begins again, on the same
 * connection or on a new one. One thread, one epoll. */
#ifndef WEIR_BENCH_LOAD_SLOT_H
#define WEIR_BENCH_LOAD_SLOT_H

#include "load_answer.h"
#include "load_tls.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* What all clients do, and what came of it. */
struct load {
    struct sockaddr_in server;
    char *request;
    size_t request_len;
    bool once;         /* a connection per request */
    bool closes_first; /* and the client ends it; otherwise it waits for the server to */
    bool resume;
    bool is_warming; /* one request a client, for connections, sessions and the server's pool */
    SSL_CTX *tls;    /* or NULL */
    int epoll;
    uint32_t sources; /* addresses of clients: 127.0.0.1 and those behind it, in turn */
    uint64_t requests_max, started, done, failed; /* requests */
    double deadline;                              /* none is started after it; seconds */
    uint64_t connections, full_handshakes, resumed_handshakes, bytes, no_port;
    uint32_t *latency_us;
    size_t latencies_size;
};

enum load_phase { LOAD_REST, LOAD_SEND, LOAD_RECEIVE, LOAD_END };

struct load_slot {
    int fd; /* -1: none */
    enum load_phase phase;
    bool is_counted; /* its handshake is */
    bool is_warm;
    size_t sent;
    double started, rest_until;
    struct load_tls tls;
    struct load_answer answer;
};

/* Seconds. */
double load_now(void);

/* Begins a request if there is one left to begin. */
void load_slot_begin(struct load *load, struct load_slot *slot);

void load_slot_on_event(struct load *load, struct load_slot *slot);

void load_slot_close(struct load_slot *slot);

#endif
