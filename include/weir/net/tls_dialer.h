/* What is needed to open TLS connections to the servers of a pool: whom to trust, and who one is.
 * Beside it, each server has the name that its certificate must have, and sessions.
 *
 * Immutable. Counted: by the configuration that it was made for, and by each server. Thread: any.
 */
#ifndef WEIR_NET_TLS_DIALER_H
#define WEIR_NET_TLS_DIALER_H

#include "weir/net/tls_certificate.h"
#include "weir/net/tls_sessions.h"

#include <stdbool.h>

struct ssl_st;
struct weir_tls_dialer;

struct weir_tls_dialer_order {
    bool verify;
    const char *ca_file;           /* NULL: the system's store */
    const char *certificate, *key; /* both, or neither */
};

/* Blocks: on the disk. Fails: NULL, and *fault; WEIR_TLS_CLIENT_CA is the CA file. */
struct weir_tls_dialer *weir_tls_dialer_create(const struct weir_tls_dialer_order *order,
                                               struct weir_tls_fault *fault);
struct weir_tls_dialer *weir_tls_dialer_ref(struct weir_tls_dialer *dialer);
/* Nothing happens for NULL. */
void weir_tls_dialer_unref(struct weir_tls_dialer *dialer);

/* As text without blanks: the same for dialers that trust the same certificates, or the system's,
 * and show the same one, whatever their files are called. */
const char *weir_tls_dialer_identity(const struct weir_tls_dialer *dialer);

bool weir_tls_dialer_verifies(const struct weir_tls_dialer *dialer);

/* Ready for weir_stream_start_tls. NAME: a host name, sent as SNI, or an IP address, which is not;
 * the certificate must be for it. SESSIONS: one of them is resumed, and new ones join them, as long
 * as the SSL lives; or NULL. Fails: NULL, out of memory. */
struct ssl_st *weir_tls_dialer_dial(const struct weir_tls_dialer *dialer, const char *name,
                                    struct weir_tls_sessions *sessions);

#endif
