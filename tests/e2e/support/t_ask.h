/* What promises about the pool are made of: a weir of a given shape, one-shot clients, plain
 * answers, load beside the test's own thread, and a weir that holds still while the world moves. */
#ifndef WEIR_E2E_T_ASK_H
#define WEIR_E2E_T_ASK_H

#include "weir/net/loop.h"

#include "t.h"

#include <pthread.h>

/* Listener `web`, pool `legacy`. What is null or zero is left out. */
struct t_shape {
    int workers;          /* 0: 2 */
    int port;             /* of the one server */
    const char *servers;  /* or YAML: a list of servers */
    const char *listener; /* YAML lines, indented by four spaces */
    const char *pool;     /* the same */
    const char *top;      /* YAML lines, not indented */
    bool token;           /* POSTs are taken: admin.token_file has T_TOKEN */
};

#define T_TOKEN "a-token-of-the-tests"

void t_weir_start_shape(struct t_weir *weir, const struct t_shape *shape);
#define t_weir_start_shape(...) T_AT((t_weir_start_shape)(__VA_ARGS__))

/* The file of such a weir, rewritten: for a reload. */
void t_weir_reshape(struct t_weir *weir, const struct t_shape *shape);
#define t_weir_reshape(...) T_AT((t_weir_reshape)(__VA_ARGS__))

/* A connection on which METHOD TARGET was sent, with FIELDS (whole lines, or null) and
 * `Connection: close`. */
struct t_conn *t_ask(struct t_weir *weir, const char *method, const char *target,
                     const char *fields);
#define t_ask(...) T_AT((t_ask)(__VA_ARGS__))

/* Reads a one-shot's answer and the orderly end behind it; its status must be STATUS. */
struct t_message *t_await_answer(struct t_conn *client, const char *method, int status);
#define t_await_answer(...) T_AT((t_await_answer)(__VA_ARGS__))

/* Both: a GET that must be answered with 200. */
struct t_message *t_one_shot(struct t_weir *weir, const char *target);
#define t_one_shot(...) T_AT((t_one_shot)(__VA_ARGS__))

/* An origin's plain answer of 200 with a length. */
void t_answer(struct t_conn *upstream, const char *body);
#define t_answer(...) T_AT((t_answer)(__VA_ARGS__))

/* Reads a request for TARGET, and answers with TARGET as the body. */
void t_serve(struct t_conn *upstream, const char *target);
#define t_serve(...) T_AT((t_serve)(__VA_ARGS__))

/* A one-shot GET TARGET through weir on UPSTREAM, a kept connection, or on a new one when null.
 * Returns the connection. */
struct t_conn *t_round(struct t_weir *weir, struct t_origin *origin, struct t_conn *upstream,
                       const char *target);
#define t_round(...) T_AT((t_round)(__VA_ARGS__))

/* POST TARGET with the token on the admin endpoint, and its answer, whose status must be STATUS.
 * Apart: for what is not answered at once. */
struct t_conn *t_order_begin(struct t_weir *weir, const char *target);
struct t_message *t_order_end(struct t_conn *admin, int status);
struct t_message *t_order(struct t_weir *weir, const char *target, int status);
#define t_order_begin(...) T_AT((t_order_begin)(__VA_ARGS__))
#define t_order_end(...) T_AT((t_order_end)(__VA_ARGS__))
#define t_order(...) T_AT((t_order)(__VA_ARGS__))

/* pools/legacy/… */
void t_pool_assert(struct t_weir *weir, const char *path, int64_t value);
void t_pool_await(struct t_weir *weir, const char *path, int64_t value);
int64_t t_pool_number(struct t_weir *weir, const char *path);
#define t_pool_assert(...) T_AT((t_pool_assert)(__VA_ARGS__))
#define t_pool_await(...) T_AT((t_pool_await)(__VA_ARGS__))
#define t_pool_number(...) T_AT((t_pool_number)(__VA_ARGS__))

/* Stops all of weir's threads once they are asleep (SIGSTOP), and lets them go on. What arrives
 * meanwhile is there all at once, in the order of arrival. */
void t_weir_freeze(struct t_weir *weir);
void t_weir_thaw(struct t_weir *weir);
#define t_weir_freeze(...) T_AT((t_weir_freeze)(__VA_ARGS__))
#define t_weir_thaw(...) T_AT((t_weir_thaw)(__VA_ARGS__))

/* So many clients with something to say that weir hears of nothing else in one turn of its loop
 * (WEIR_LOOP_EVENTS): what arrives behind them while it is frozen, it hears of in the next. Of
 * listener `web`, of which no other client may come or go meanwhile. */
enum { T_CROWD = WEIR_LOOP_EVENTS };

struct t_crowd {
    struct t_conn *clients[T_CROWD];
};

void t_crowd_open(struct t_crowd *crowd, struct t_weir *weir);
void t_crowd_speak(struct t_crowd *crowd);
void t_crowd_leave(struct t_crowd *crowd);
#define t_crowd_open(...) T_AT((t_crowd_open)(__VA_ARGS__))
#define t_crowd_speak(...) T_AT((t_crowd_speak)(__VA_ARGS__))
#define t_crowd_leave(...) T_AT((t_crowd_leave)(__VA_ARGS__))

/* Sends DATA, SIZE bytes, over and over until weir has stopped reading and the kernel takes no
 * more: all of weir's threads are asleep and what is here waits for the window. However slow the
 * machine, nothing but a time-out of weir's goes on from there. Returns the count, at most MAX. */
uint64_t t_send_until_stuck(struct t_weir *weir, struct t_conn *conn, const void *data, size_t size,
                            uint64_t max);
#define t_send_until_stuck(...) T_AT((t_send_until_stuck)(__VA_ARGS__))

/* The same with the pattern (t_base.h). */
uint64_t t_send_pattern_until_stuck(struct t_weir *weir, struct t_conn *conn, uint64_t max);
#define t_send_pattern_until_stuck(...) T_AT((t_send_pattern_until_stuck)(__VA_ARGS__))

/* Load on a thread of its own. */
struct t_load_beside {
    struct t_load load;
    struct t_load_result result; /* once joined */
    pthread_t thread;
};

void t_load_start(struct t_load_beside *beside);
void t_load_join(struct t_load_beside *beside);
#define t_load_start(...) T_AT((t_load_start)(__VA_ARGS__))

#endif
