/* Upgrade: which protocols a request asks for, and whether a 101 switches to one of them. Pure.
 *
 * What carries requests of its own is never asked for on a client's behalf: other versions of HTTP
 * (`h2c` with them) and TLS (RFC 2817) would bring them past weir unseen.
 *
 * Source: RFC 9110 sections 7.8 and 15.2.2; RFC 9113 section 3.1. */
#ifndef WEIR_HTTP_UPGRADE_H
#define WEIR_HTTP_UPGRADE_H

#include "weir/http/head.h"

/* A walk over the elements of all Upgrade fields of a head, in order. */
struct weir_protocols {
    const struct weir_head *head;
    const char *base;
    uint32_t next_field;
    struct weir_slice list; /* what is left of the field before */
};

struct weir_protocols weir_protocols_of(const struct weir_head *head, const char *base);

/* The next protocol that a request may ask a server for; others are passed over. */
bool weir_protocols_next(struct weir_protocols *protocols, struct weir_slice *protocol);

/* Does the request ask for a protocol that may be asked for? In HTTP/1.0 and without `upgrade` in
 * Connection, Upgrade means nothing. */
bool weir_upgrade_is_asked(const struct weir_head *head, const char *base);

/* Does this 101 switch to protocols that REQUEST has asked for, and to no others, and announce no
 * body? */
bool weir_upgrade_is_answered(const struct weir_head *answer, const char *base,
                              const struct weir_head *request, const char *request_base);

#endif
