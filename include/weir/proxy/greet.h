/* What comes before a client's first request, step by step, as its listener asks for it. A step
 * goes on whenever the stream is ready for what it waited for. `timeouts.header` bounds all of them
 * and the first head together.
 *
 * Thread: the client's worker. */
#ifndef WEIR_PROXY_GREET_H
#define WEIR_PROXY_GREET_H

#include "weir/proxy/client.h"

/* Does a client of such a listener say anything before its first request? */
static inline bool weir_greeting_is_due(const struct weir_listener_plan *plan)
{
    return plan->tls != NULL;
}

/* Goes on with the greeting of a client that is new or whose stream is ready. When the last step
 * is done the client is IDLE and reads on; when one has failed it is CLOSING. */
void weir_client_greet(struct weir_client *client);

/* The greeting has not come to its end in time. */
void weir_client_greet_late(struct weir_client *client);

#endif
