#include "weir/proxy/listener.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

_Static_assert(sizeof(struct weir_listener_slot) % 64 == 0 &&
                   _Alignof(struct weir_listener_slot) == 64,
               "what one worker counts shares no cache line with another's");

struct weir_peers {
    uint8_t host[16]; /* IPv4 in its mapped form */
    uint64_t connections;
    UT_hash_handle hh;
};

struct weir_listener *weir_listener_create(const char *name, unsigned n_workers)
{
    size_t size = sizeof(struct weir_listener) + n_workers * sizeof(struct weir_listener_slot);
    struct weir_listener *listener = aligned_alloc(64, (size + 63) / 64 * 64);

    if (!listener)
        return NULL;
    memset(listener, 0, size);
    listener->name = strdup(name);
    if (!listener->name) {
        free(listener);
        return NULL;
    }
    listener->n_slots = n_workers;
    atomic_init(&listener->references, 1);
    pthread_mutex_init(&listener->shared.lock, NULL);
    weir_tls_tickets_init(&listener->tickets);
    return listener;
}

struct weir_listener *weir_listener_ref(struct weir_listener *listener)
{
    atomic_fetch_add(&listener->references, 1);
    return listener;
}

void weir_listener_unref(struct weir_listener *listener)
{
    if (atomic_fetch_sub(&listener->references, 1) > 1)
        return;
    pthread_mutex_destroy(&listener->shared.lock);
    weir_tls_tickets_fini(&listener->tickets);
    free(listener->name);
    free(listener);
}

static void read_host(const struct weir_address *peer, uint8_t host[16])
{
    memset(host, 0, 16);
    if (peer->any.sa_family == AF_INET6) {
        memcpy(host, &((const struct sockaddr_in6 *)(const void *)&peer->any)->sin6_addr, 16);
    } else if (peer->any.sa_family == AF_INET) {
        host[10] = host[11] = 0xff;
        memcpy(host + 12, &((const struct sockaddr_in *)(const void *)&peer->any)->sin_addr, 4);
    }
}

bool weir_listener_admit_peer(struct weir_listener *listener, const struct weir_address *peer,
                              uint64_t max)
{
    struct weir_peers *known;
    uint8_t host[16];
    bool fits = false;

    read_host(peer, host);
    pthread_mutex_lock(&listener->shared.lock);
    HASH_FIND(hh, listener->shared.peers, host, sizeof(host), known);
    if (!known) {
        known = calloc(1, sizeof(*known));
        if (!known)
            goto out;
        memcpy(known->host, host, sizeof(host));
        HASH_ADD(hh, listener->shared.peers, host, sizeof(host), known);
    }
    fits = known->connections < max;
    known->connections += fits;
out:
    pthread_mutex_unlock(&listener->shared.lock);
    return fits;
}

static void forget_peer(struct weir_listener *listener, const struct weir_address *peer)
{
    struct weir_peers *known;
    uint8_t host[16];

    read_host(peer, host);
    pthread_mutex_lock(&listener->shared.lock);
    HASH_FIND(hh, listener->shared.peers, host, sizeof(host), known);
    if (known && --known->connections == 0) {
        HASH_DEL(listener->shared.peers, known);
        free(known);
    }
    pthread_mutex_unlock(&listener->shared.lock);
}

bool weir_listener_admit(struct weir_listener *listener, const struct weir_address *peer,
                         uint64_t max, uint64_t max_per_ip, bool *is_counted)
{
    unsigned long long now = atomic_fetch_add(&listener->shared.connections, 1);

    *is_counted = false;
    if (max > 0 && now >= max)
        goto refuse;
    if (max_per_ip > 0 && peer->any.sa_family != AF_UNIX) {
        if (!weir_listener_admit_peer(listener, peer, max_per_ip))
            goto refuse;
        *is_counted = true;
    }
    return true;
refuse:
    atomic_fetch_sub(&listener->shared.connections, 1);
    return false;
}

void weir_listener_leave(struct weir_listener *listener, const struct weir_address *peer,
                         bool is_counted)
{
    atomic_fetch_sub(&listener->shared.connections, 1);
    if (is_counted)
        forget_peer(listener, peer);
}
