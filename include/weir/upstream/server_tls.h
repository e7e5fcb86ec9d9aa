/* How TLS is spoken to a server. Embedded in it. */
#ifndef WEIR_UPSTREAM_SERVER_TLS_H
#define WEIR_UPSTREAM_SERVER_TLS_H

#include "weir/net/tls_dialer.h"

#include <stdatomic.h>

struct weir_server_tls {
    struct weir_tls_dialer *dialer; /* referenced; NULL: plain */
    char *name;                     /* that its certificate must have */
    struct weir_tls_sessions sessions;
    _Atomic(const char *) fault; /* why a connection failed last, for people: static; NULL: none */
};

/* All that it was before is plain. Owns: a reference to DIALER, and a copy of NAME.
 * Fails: false, out of memory. */
bool weir_server_tls_init(struct weir_server_tls *tls, struct weir_tls_dialer *dialer,
                          const char *name);
/* Nothing happens for a plain one. */
void weir_server_tls_fini(struct weir_server_tls *tls);

#endif
