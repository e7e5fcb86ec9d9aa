/* What stands behind a name: all its addresses, or, through its SRV records, those of its targets.
 * Thread: the resolver's loop. */
#ifndef WEIR_NET_QUESTION_H
#define WEIR_NET_QUESTION_H

#include "weir/net/resolver.h"

/* One address that was found, or, with address.len 0, what could not be learned this time: other
 * lookups of the same question were answered, this one was not. */
struct weir_spot {
    struct weir_address address;     /* of an SRV record with its port, else without */
    uint64_t part;                   /* the host and family that were looked up; 0: no name was */
    uint16_t port, priority, weight; /* the SRV record's; 0 without one */
};

struct weir_findings {
    enum weir_lookup_status status; /* OK: there is at least one address */
    struct weir_spot *spots;
    size_t n, n_unlearned; /* of them, without an address */
    uint64_t ttl_s;        /* the least of all the answers */
    bool is_cut;           /* there was more than is kept */
};

struct weir_question;
typedef void weir_question_done(void *owner, const struct weir_findings *findings);

/* Asks for the addresses (FAMILY) of HOST, or of the targets of its SRV records. ON_DONE follows
 * once, not before this returns. The addresses of a family that this host has no route for are left
 * out where the other family has some. Fails: NULL, out of memory. */
struct weir_question *weir_question_ask(struct weir_resolver *resolver, const char *host,
                                        bool is_srv, enum weir_family family,
                                        weir_question_done *on_done, void *owner);

/* The completion does not come any more. Not after it has come. */
void weir_question_cancel(struct weir_question *question);

#endif
