/* What comes before a client's first request, step by step, as its listener asks for it. A step
 * goes on whenever the stream is ready for what it waited for. `timeouts.header` bounds all of them
 * and the first head together.
 *
 * The steps of a TLS handshake cost a worker a hundred times what a request does. It takes no more
 * of them in one turn of its loop than `limits.handshakes`; who comes later waits in line, so that
 * a flood of handshakes holds other clients up by a few of them, whatever its size.
 *
 * Thread: the client's worker. */
#ifndef WEIR_PROXY_GREET_H
#define WEIR_PROXY_GREET_H

#include "weir/proxy/client.h"

/* Must such a listener's client be greeted before it can make anything of an answer? */
static inline bool weir_greeting_is_due(const struct weir_listener_plan *plan)
{
    return plan->config->front != NULL;
}

/* Is PEER to tell in a PROXY header whose connection it is? */
bool weir_greeting_names_client(const struct weir_listener_plan *plan,
                                const struct weir_address *peer);

/* Goes on with the greeting of a client that is new or whose stream is ready. When the last step
 * is done the client is IDLE and reads on; when one has failed it is CLOSING. */
void weir_client_greet(struct weir_client *client);

/* The greeting has not come to its end in time. */
void weir_client_greet_late(struct weir_client *client);

/* A new turn of the loop: the next in line. */
void weir_greet_on_turn(struct weir_turn *turn);
/* It waits no longer. Idempotent. */
void weir_greet_leave_line(struct weir_client *client);

#endif
