/* Many requests at once, each answer checked byte by byte. */
#ifndef WEIR_E2E_T_LOAD_H
#define WEIR_E2E_T_LOAD_H

#include "t_base.h"
#include "t_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One request of the load: what to send, and what the answer must be. Thread: a worker's own. */
struct t_load_request {
    char method[8];
    char *data; /* malloc'ed by the maker, freed by the load */
    size_t len;
    uint64_t id; /* from 0; set before the maker is called */
};

/* Fills in METHOD, DATA and LEN for request ID. CLOSE: ask for the connection's end with it. */
typedef void t_load_make_fn(struct t_load_request *request, bool close, void *user);

/* Is this the one right answer to that request? */
typedef bool t_load_check_fn(const struct t_load_request *request, const struct t_message *answer,
                             void *user);

struct t_load {
    const char *host; /* null: 127.0.0.1 */
    int port;
    int concurrency;         /* threads, each with one connection at a time */
    uint64_t requests;       /* in all */
    uint64_t per_connection; /* requests on one connection; 0 and 1: a connection per request */
    bool reset_clients;      /* close each connection with a reset, to leave no TIME_WAIT */
    t_load_make_fn *make;    /* null: a mixture for weir-origin, see t_load.c */
    t_load_check_fn *check;  /* null with make null */
    void *user;
};

struct t_load_result {
    uint64_t ok;      /* complete, and the check passed */
    uint64_t wrong;   /* complete, well-formed, but not the right answer */
    uint64_t broken;  /* not well-formed, or cut short */
    uint64_t refused; /* the connection could not be made */
    uint64_t timeouts;
    uint64_t connections;
    uint64_t by_status[600]; /* complete answers */
    char first_trouble[512]; /* the first that was not ok, in words */
};

/* Runs it to its end. Every single wait is bounded by `t_timeout_ms()`. */
struct t_load_result t_load_run(const struct t_load *load);

/* Fails unless all were ok. */
void t_load_assert_ok(const struct t_load *load, const struct t_load_result *result);
#define t_load_assert_ok(...) T_AT((t_load_assert_ok)(__VA_ARGS__))

#endif
