/* What the clients of one listener meet when they begin with TLS: certificates chosen by the name
 * that they ask for (SNI), the versions and ciphers that are spoken, tickets, and whom clients must
 * be signed by.
 *
 * Immutable but for its tickets, which are shared. A front lives as long as any connection that was
 * begun with it, so a reload needs to wait for none. */
#ifndef WEIR_NET_TLS_FRONT_H
#define WEIR_NET_TLS_FRONT_H

#include "weir/net/tls_certificate.h"
#include "weir/net/tls_tickets.h"

struct ssl_ctx_st;
struct weir_tls_front;

/* What it is made from. Texts are borrowed for the making. */
struct weir_tls_terms {
    const char *owner;     /* sessions of one are nothing to another: the listener's name */
    bool needs_13;         /* TLS 1.3 is the oldest version spoken; else 1.2 is */
    const char *ciphers;   /* of TLS 1.2, as OpenSSL lists them; NULL: Mozilla's "intermediate" */
    const char *client_ca; /* a file; NULL: clients are not asked for a certificate */
    int client_depth;      /* so many issuers may stand between a client and that CA */
    bool refuses_unknown;  /* a name that no certificate has; else the first certificate is shown */
    uint64_t session_ms;   /* how long a session may be resumed; 0: not at all */
};

/* Owns: CERTIFICATES' elements in any case (an array of N, at least one); one reference for the
 * caller. Blocks: on the disk, for client_ca. Fails: NULL, and *fault. */
struct weir_tls_front *weir_tls_front_create(const struct weir_tls_terms *terms,
                                             struct weir_tls_certificate *const *certificates,
                                             size_t n, struct weir_tls_fault *fault);
/* Nothing happens for NULL. */
void weir_tls_front_unref(struct weir_tls_front *front);

/* From now on sessions can be resumed, by TICKETS, which must outlive every connection of it. The
 * second time nothing happens. Thread: before any worker has the front. */
void weir_tls_front_use_tickets(struct weir_tls_front *front, struct weir_tls_tickets *tickets);

/* For weir_stream_accept_tls. */
struct ssl_ctx_st *weir_tls_front_context(const struct weir_tls_front *front);

size_t weir_tls_front_n(const struct weir_tls_front *front);
const struct weir_tls_certificate *weir_tls_front_certificate(const struct weir_tls_front *front,
                                                              size_t index);
/* When the first of them expires. */
time_t weir_tls_front_not_after(const struct weir_tls_front *front);

#endif
