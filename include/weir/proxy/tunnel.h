/* A tunnel: an exchange whose server has switched protocols with a 101 that the request had asked
 * for (RFC 9110 section 7.8). What weir has read behind either head and all that still comes goes
 * to the other side as it is, each way as fast as its sink takes it.
 *
 * A FIN ends one direction and is passed on; the tunnel ends in order once both are through, or
 * when no byte has moved for `timeouts.tunnel`. A reset, or a side that takes no more, is passed on
 * as a reset. The server's connection never returns to its pool.
 *
 * Thread: its exchange's. */
#ifndef WEIR_PROXY_TUNNEL_H
#define WEIR_PROXY_TUNNEL_H

#include "weir/proxy/exchange.h"

/* Is the answer whose head lies at BASE a 101 that is right here: asked for, by a request that has
 * been sent to its end? */
bool weir_tunnel_is_agreed(const struct weir_exchange *x, const char *base);

/* TUNNELLING from now on: the 101 goes to the client. The exchange may be FINISHED afterwards. */
void weir_tunnel_begin(struct weir_exchange *x, const char *base);

/* The client's stream can be read or written, or has gone. */
void weir_tunnel_on_client(struct weir_exchange *x, unsigned ready);

/* `timeouts.tunnel` has passed without a byte. */
void weir_tunnel_on_idle(struct weir_exchange *x);

#endif
