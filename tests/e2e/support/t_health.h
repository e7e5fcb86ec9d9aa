/* What promises about health are made of: origins whose mood changes, for requests and for health
 * checks apart, and what weir believes of them. */
#ifndef WEIR_E2E_T_HEALTH_H
#define WEIR_E2E_T_HEALTH_H

#include "t_ask.h"

#include <stdatomic.h>

enum t_mood {
    T_FINE,     /* 200 */
    T_ERROR,    /* 500 */
    T_SILENT,   /* no answer */
    T_CLOSES,   /* closes instead */
    T_NONSENSE, /* answers what is no HTTP */
};

/* Served by a thread. What asks for /healthz is a check, all else a request; a request's answer has
 * the origin's port as its body. */
struct t_moody {
    struct t_origin origin;
    atomic_int for_requests, for_checks; /* moods */
    atomic_int requests, checks;         /* seen so far */
    atomic_int silences;                 /* of these, met with silence */
    char answer[128];
};

void t_moody_open(struct t_moody *moody);
#define t_moody_open(...) T_AT((t_moody_open)(__VA_ARGS__))

/* From now on connections are refused, and those that were open have ended. */
void t_moody_leave(struct t_moody *moody);
void t_moody_return(struct t_moody *moody);
#define t_moody_leave(...) T_AT((t_moody_leave)(__VA_ARGS__))
#define t_moody_return(...) T_AT((t_moody_return)(__VA_ARGS__))

/* How often a POST for /ID has been executed, whoever it was, in whatever mood; ID < 1000. */
int t_executed(int id);
#define t_executed(...) T_AT((t_executed)(__VA_ARGS__))

/* Waits until one of its counts is at least COUNT. */
void t_await_count(const atomic_int *count, int at_least);
#define t_await_count(...) T_AT((t_await_count)(__VA_ARGS__))

/* YAML: a list of servers, by their ports. */
const char *t_servers(const int *ports, int n);

/* pools/legacy/servers/127.0.0.1:PORT/… */
int64_t t_server_number(struct t_weir *weir, int port, const char *path);
const char *t_server_state(struct t_weir *weir, int port);
void t_server_assert_state(struct t_weir *weir, int port, const char *state);
void t_server_await_state(struct t_weir *weir, int port, const char *state);
#define t_server_number(...) T_AT((t_server_number)(__VA_ARGS__))
#define t_server_state(...) T_AT((t_server_state)(__VA_ARGS__))
#define t_server_assert_state(...) T_AT((t_server_assert_state)(__VA_ARGS__))
#define t_server_await_state(...) T_AT((t_server_await_state)(__VA_ARGS__))

/* A one-shot GET / and its whole answer, whatever its status. */
struct t_message *t_try(struct t_weir *weir);
#define t_try(...) T_AT((t_try)(__VA_ARGS__))

/* The port of the origin that answered a GET TARGET, which must be answered with 200. */
int t_who(struct t_weir *weir, const char *target);
#define t_who(...) T_AT((t_who)(__VA_ARGS__))

/* Load of one-shot GETs, CONCURRENCY at a time, each of which must be answered with 200. */
struct t_load t_steady_load(const struct t_weir *weir, int concurrency, uint64_t requests);

/* Requests until the server at PORT is ejected; MAX of them must do. Returns how many it took. */
int t_until_ejected(struct t_weir *weir, int port, int max);
#define t_until_ejected(...) T_AT((t_until_ejected)(__VA_ARGS__))

#endif
