/* The keys that session tickets are sealed with (RFC 5077 section 4): one ring for all workers, so
 * that what one has sealed any other opens. A key seals for one lifetime and opens for one more;
 * whoever needs a key when the youngest is too old makes the next. What is sealed with an older one
 * is opened, and replaced.
 *
 * Thread: any. Owned by its listener, so that it outlives a reload. Keys are never written down:
 * with weir their tickets end. */
#ifndef WEIR_NET_TLS_TICKETS_H
#define WEIR_NET_TLS_TICKETS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { WEIR_TICKET_NAME_BYTES = 16, WEIR_TICKET_KEY_BYTES = 32 };

struct weir_tls_ticket_key {
    uint64_t made_ms; /* 0: there is none */
    uint8_t name[WEIR_TICKET_NAME_BYTES];
    uint8_t cipher[WEIR_TICKET_KEY_BYTES], mac[WEIR_TICKET_KEY_BYTES];
};

struct weir_tls_tickets {
    pthread_mutex_t lock; /* guards the keys */
    struct weir_tls_ticket_key now, former;
};

void weir_tls_tickets_init(struct weir_tls_tickets *tickets);
void weir_tls_tickets_fini(struct weir_tls_tickets *tickets);

/* The key to seal with at NOW_MS. Fails: false, there is no randomness to be had. */
bool weir_tls_tickets_seal(struct weir_tls_tickets *tickets, uint64_t now_ms, uint64_t lifetime_ms,
                           struct weir_tls_ticket_key *key);

/* The key of this name, to open with. Fails: false, there is none, or it is too old. */
bool weir_tls_tickets_open(struct weir_tls_tickets *tickets, uint64_t now_ms, uint64_t lifetime_ms,
                           const uint8_t name[WEIR_TICKET_NAME_BYTES],
                           struct weir_tls_ticket_key *key);

#endif
