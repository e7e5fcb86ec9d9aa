/* The origin's side. Three kinds: a scripted origin, whose every byte the test sends itself; a
 * served one, where a thread calls back for each complete request (load, with checks of what
 * arrives); and weir-origin, the real program (bench/, docs/origin.md). */
#ifndef WEIR_E2E_T_ORIGIN_H
#define WEIR_E2E_T_ORIGIN_H

#include "t_base.h"
#include "t_conn.h"
#include "t_message.h"
#include "t_process.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- scripted --- */

/* A listening socket. The kernel completes connections by itself, before they are accepted here. */
struct t_origin {
    int fd; /* -1 when closed */
    int port;
    const char *host;
    int accepted;          /* connections so far, those on the shelf included */
    struct t_conn **shelf; /* accepted by `t_origin_connections`, not yet by `t_accept` */
    size_t shelf_len;
    struct t_served *served; /* null unless served */
};

/* Listens on 127.0.0.1, or on HOST, at a free port, or at PORT. */
void t_origin_open(struct t_origin *origin);
void t_origin_open_on(struct t_origin *origin, const char *host);
void t_origin_open_at(struct t_origin *origin, const char *host, int port);
#define t_origin_open(...) T_AT((t_origin_open)(__VA_ARGS__))
#define t_origin_open_on(...) T_AT((t_origin_open_on)(__VA_ARGS__))
#define t_origin_open_at(...) T_AT((t_origin_open_at)(__VA_ARGS__))

/* Stops listening: connections are refused from now on. Accepted ones stay. */
void t_origin_close(struct t_origin *origin);

/* Listens again at the same port. */
void t_origin_reopen(struct t_origin *origin);
#define t_origin_reopen(...) T_AT((t_origin_reopen)(__VA_ARGS__))

/* Waits for the next connection. */
struct t_conn *t_accept(struct t_origin *origin);
#define t_accept(...) T_AT((t_accept)(__VA_ARGS__))

/* How many connections have come so far, accepted or not. */
int t_origin_connections(struct t_origin *origin);
#define t_origin_connections(...) T_AT((t_origin_connections)(__VA_ARGS__))

/* Waits for COUNT of them. */
void t_origin_await_connections(struct t_origin *origin, int count);
#define t_origin_await_connections(...) T_AT((t_origin_await_connections)(__VA_ARGS__))

/* --- served by a thread --- */

/* What the callback sees and says. */
struct t_served_request {
    const struct t_message *message; /* complete; valid during the call */
    int connection;                  /* from 1, in the order of accepting */
    int number;                      /* of the request on its connection, from 1 */
    const void *answer; /* set it: the bytes to send; must stay valid until the next call */
    size_t answer_len;
    bool close; /* set it: close after the answer */
};

typedef void t_serve_fn(struct t_served_request *request, void *user);

/* From now on a thread accepts, reads requests and calls SERVE, one call at a time. */
void t_origin_serve(struct t_origin *origin, t_serve_fn *serve, void *user);
#define t_origin_serve(...) T_AT((t_origin_serve)(__VA_ARGS__))

/* Ends the thread and its connections. Requests served, connections accepted and requests that were
 * not well-formed are in the counts afterwards. */
struct t_served_counts {
    uint64_t requests;
    uint64_t connections;
    uint64_t broken;
};
struct t_served_counts t_origin_serve_stop(struct t_origin *origin);
#define t_origin_serve_stop(...) T_AT((t_origin_serve_stop)(__VA_ARGS__))

/* --- weir-origin --- */

struct t_real_origin {
    struct t_process process;
    int port;
};

/* Starts weir-origin (environment WEIR_ORIGIN, else the path compiled in) on a free port. DEFAULTS:
 * the value of --default, or null. */
void t_real_origin_start(struct t_real_origin *origin, const char *defaults);
#define t_real_origin_start(...) T_AT((t_real_origin_start)(__VA_ARGS__))

/* The same with more arguments, ended by null: --threads, "2". */
void t_real_origin_start_with(struct t_real_origin *origin, const char *defaults, ...);
#define t_real_origin_start_with(...) T_AT((t_real_origin_start_with)(__VA_ARGS__))

/* SIGTERM, and fails unless it exits with 0 and without a sanitizer's report. */
void t_real_origin_stop(struct t_real_origin *origin);
#define t_real_origin_stop(...) T_AT((t_real_origin_stop)(__VA_ARGS__))

/* What GET /_counts says. */
struct t_origin_counts {
    int64_t accepted;
    int64_t open;
    int64_t open_max;
    int64_t requests;
    int64_t posts;
    int64_t aborted;
};
struct t_origin_counts t_real_origin_counts(struct t_real_origin *origin);
#define t_real_origin_counts(...) T_AT((t_real_origin_counts)(__VA_ARGS__))

/* Zeroes them. */
void t_real_origin_reset_counts(struct t_real_origin *origin);
#define t_real_origin_reset_counts(...) T_AT((t_real_origin_reset_counts)(__VA_ARGS__))

#endif
