#include "weir/net/tls_tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

void weir_tls_tickets_init(struct weir_tls_tickets *tickets)
{
    *tickets = (struct weir_tls_tickets){.now = {.made_ms = 0}};
    pthread_mutex_init(&tickets->lock, NULL);
}

void weir_tls_tickets_fini(struct weir_tls_tickets *tickets)
{
    pthread_mutex_destroy(&tickets->lock);
    OPENSSL_cleanse(tickets, sizeof(*tickets));
}

static bool make(struct weir_tls_ticket_key *key, uint64_t now_ms)
{
    if (RAND_bytes(key->name, sizeof(key->name)) != 1 ||
        RAND_priv_bytes(key->cipher, sizeof(key->cipher)) != 1 ||
        RAND_priv_bytes(key->mac, sizeof(key->mac)) != 1)
        return false;
    key->made_ms = now_ms > 0 ? now_ms : 1;
    return true;
}

static bool rotate_locked(struct weir_tls_tickets *tickets, uint64_t now_ms)
{
    struct weir_tls_ticket_key next;
    bool is_made = make(&next, now_ms);

    if (is_made) {
        tickets->former = tickets->now;
        tickets->now = next;
    }
    OPENSSL_cleanse(&next, sizeof(next));
    return is_made;
}

bool weir_tls_tickets_seal(struct weir_tls_tickets *tickets, uint64_t now_ms, uint64_t lifetime_ms,
                           struct weir_tls_ticket_key *key)
{
    bool has_key = true;

    pthread_mutex_lock(&tickets->lock);
    if (tickets->now.made_ms == 0 || now_ms >= tickets->now.made_ms + lifetime_ms)
        has_key = rotate_locked(tickets, now_ms);
    if (has_key)
        *key = tickets->now;
    pthread_mutex_unlock(&tickets->lock);
    return has_key;
}

static bool is_good(const struct weir_tls_ticket_key *key, uint64_t now_ms, uint64_t lifetime_ms,
                    const uint8_t *name)
{
    return key->made_ms > 0 && now_ms < key->made_ms + 2 * lifetime_ms &&
           memcmp(key->name, name, sizeof(key->name)) == 0;
}

bool weir_tls_tickets_open(struct weir_tls_tickets *tickets, uint64_t now_ms, uint64_t lifetime_ms,
                           const uint8_t name[WEIR_TICKET_NAME_BYTES],
                           struct weir_tls_ticket_key *key)
{
    const struct weir_tls_ticket_key *found = NULL;

    pthread_mutex_lock(&tickets->lock);
    if (is_good(&tickets->now, now_ms, lifetime_ms, name))
        found = &tickets->now;
    else if (is_good(&tickets->former, now_ms, lifetime_ms, name))
        found = &tickets->former;
    if (found)
        *key = *found;
    pthread_mutex_unlock(&tickets->lock);
    return found != NULL;
}
