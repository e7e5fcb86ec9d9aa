/* For whom connections are announced: one client connection, as servers with `send_proxy` are told
 * of it, and the connections that were announced for it. They carry its requests and nobody
 * else's, on whichever worker: an idle one is found through the principal alone, and to the others
 * it is but a place that is taken. All of them are its client's worker's.
 *
 * Owned by the client. Thread: its worker's. */
#ifndef WEIR_UPSTREAM_PRINCIPAL_H
#define WEIR_UPSTREAM_PRINCIPAL_H

#include "weir/net/address.h"
#include "weir/upstream/upconn.h"

struct weir_principal {
    struct weir_upstream *upstream;
    struct weir_address source, destination; /* the client's, and where it connected to */
    struct weir_upconn *upconns;             /* until they close */
};

/* Fails: NULL, out of memory. */
struct weir_principal *weir_principal_create(struct weir_upstream *upstream,
                                             const struct weir_address *source,
                                             const struct weir_address *destination);

/* The client has gone: what is idle is of use to nobody any more, and closes. */
void weir_principal_destroy(struct weir_principal *principal);

/* UPCONN, which is being opened, is to be announced for it. */
void weir_principal_adopt(struct weir_principal *principal, struct weir_upconn *upconn);
/* UPCONN ends. */
void weir_principal_forget(struct weir_upconn *upconn);

/* An idle one to SERVER, BUSY again, or NULL. CAREFUL: as weir_idle_take says. */
struct weir_upconn *weir_principal_take(struct weir_principal *principal,
                                        struct weir_server *server, bool careful);

/* Has it an idle one to SERVER? */
bool weir_principal_has_idle(const struct weir_principal *principal,
                             const struct weir_server *server);

#endif
