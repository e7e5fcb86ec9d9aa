/* The kernel's states of the connections that weir's listeners and servers have, for `/stats` and
 * `/metrics`.
 *
 * Looked at when somebody asks, at most once a second, and no more than a tenth of the time: after
 * a look that took 200 ms the next one waits for 2 s. Nobody asks, nothing is done. Where the
 * kernel does not tell, figures are not known, and the log says why, once a cause. Thread: control.
 */
#ifndef WEIR_CONTROL_TCP_STATES_H
#define WEIR_CONTROL_TCP_STATES_H

#include "weir/control/tcp_tally.h"
#include "weir/proxy/generation.h"

#include <jansson.h>

enum { WEIR_TCP_LOOK_MS = 1000, WEIR_TCP_DUMP_MS_MAX = 1000 };

struct weir_tcp_states;

/* Fails: NULL, out of memory. */
struct weir_tcp_states *weir_tcp_states_create(void);
void weir_tcp_states_destroy(struct weir_tcp_states *states);

/* Looks for what GENERATION lists, unless it did so lately. Blocks: WEIR_TCP_DUMP_MS_MAX at most
 * for each of two tries. STATES may be NULL, here and below: then nothing is known. */
void weir_tcp_states_look(struct weir_tcp_states *states, const struct weir_generation *generation);

/* ---- What was seen. No look of its own: who wants it of now has looked before. ---- */

/* Sums up those of all of a listener's addresses; syn_sent, which is never at its end, is 0.
 * Fails: false, it is not known, or no address is IP's. */
bool weir_tcp_listener_counts(const struct weir_tcp_states *states,
                              const struct weir_listener_plan *plan, struct weir_tcp_counts *sum);

/* What was seen of a server, where somebody looks these seconds; NULL is not known. They are the
 * same for all servers of one address, and stay until the next look. */
struct weir_tcp_sides {
    const struct weir_tcp_counts *proxy, *server;
};

struct weir_tcp_sides weir_tcp_sides_seen(const struct weir_tcp_states *states,
                                          const struct weir_address *server);

/* The local ports towards a server, over all addresses that the pool connects from. */
struct weir_tcp_ports {
    bool is_seen;   /* else nothing is known */
    bool has_limit; /* else `available` is not known */
    uint64_t in_use, time_wait, available;
};

struct weir_tcp_ports weir_tcp_ports_towards(const struct weir_tcp_states *states,
                                             const struct weir_pool_plan *plan,
                                             const struct weir_address *server);

/* ---- The same as JSON. Owns: the caller. ---- */

/* A listener's `tcp`: null where it is not known, and for one without an IP address. */
json_t *weir_tcp_listener_facts(const struct weir_tcp_states *states,
                                const struct weir_listener_plan *plan);
/* A server's `tcp`, with `proxy_side` and `server_side`, either of which may be null. */
json_t *weir_tcp_server_facts(const struct weir_tcp_states *states,
                              const struct weir_address *server);
/* Sets `in_use`, `time_wait` and `available` of a server's `ports`. */
void weir_tcp_put_ports(json_t *facts, const struct weir_tcp_states *states,
                        const struct weir_pool_plan *plan, const struct weir_address *server);

#endif
