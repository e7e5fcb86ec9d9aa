#include "weir/control/tcp_tally.h"

#include <stdlib.h>
#include <string.h>

/* Out of memory is told by the element's own state, see watch(). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* The end that does not matter is all zeroes. */
struct key {
    struct weir_sock_end local, remote;
};

struct watched {
    struct key key;
    bool is_listened; /* at its local end */
    struct weir_tcp_counts counts;
    UT_hash_handle hh;
};

struct weir_tcp_tally {
    struct watched *all;
    bool has_pairs;
    struct weir_sock_filter filter;
};

/* They are hashed and compared as bytes. */
_Static_assert(sizeof(struct weir_sock_end) == 18 && sizeof(struct key) == 36,
               "a key has no padding");

static const struct weir_sock_end any_end;

struct weir_tcp_tally *weir_tcp_tally_create(void)
{
    return calloc(1, sizeof(struct weir_tcp_tally));
}

/* The analyzer takes the table that HASH_DEL frees with its last element for the element. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
void weir_tcp_tally_destroy(struct weir_tcp_tally *tally)
{
    struct watched *watched, *next;

    if (!tally)
        return;
    HASH_ITER(hh, tally->all, watched, next) {
        HASH_DEL(tally->all, watched);
        free(watched);
    }
    free(tally);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

bool weir_sock_end_from(struct weir_sock_end *end, const struct weir_address *address)
{
    *end = any_end;
    end->port = weir_address_port(address);
    return weir_address_to_mapped(address, end->host);
}

static struct watched *find(const struct weir_tcp_tally *tally, const struct weir_sock_end *local,
                            const struct weir_sock_end *remote)
{
    const struct key key = {.local = *local, .remote = *remote};
    struct watched *watched;

    HASH_FIND(hh, tally->all, &key, sizeof(key), watched);
    return watched;
}

/* *is_new tells whether nobody watched it before. Fails: NULL, out of memory. */
static struct watched *watch(struct weir_tcp_tally *tally, const struct weir_sock_end *local,
                             const struct weir_sock_end *remote, bool *is_new)
{
    struct watched *watched = find(tally, local, remote);

    *is_new = !watched;
    if (watched)
        return watched;
    watched = calloc(1, sizeof(*watched));
    if (!watched)
        return NULL;
    watched->key = (struct key){.local = *local, .remote = *remote};
    HASH_ADD(hh, tally->all, key, sizeof(watched->key), watched);
    if (!find(tally, local, remote)) {
        free(watched);
        return NULL;
    }
    return watched;
}

bool weir_tcp_tally_watch_local(struct weir_tcp_tally *tally, const struct weir_sock_end *local)
{
    bool is_new;

    if (!watch(tally, local, &any_end, &is_new))
        return false;
    weir_sock_filter_add_local(&tally->filter, local->port);
    return true;
}

bool weir_tcp_tally_watch_listener(struct weir_tcp_tally *tally, const struct weir_sock_end *local)
{
    if (!weir_tcp_tally_watch_local(tally, local))
        return false;
    find(tally, local, &any_end)->is_listened = true;
    return true;
}

bool weir_tcp_tally_watch_remote(struct weir_tcp_tally *tally, const struct weir_sock_end *remote)
{
    bool is_new;

    if (!watch(tally, &any_end, remote, &is_new))
        return false;
    if (is_new)
        weir_sock_filter_add_remote(&tally->filter, remote);
    return true;
}

static struct weir_sock_end host_of(const struct weir_sock_end *end)
{
    struct weir_sock_end host = *end;

    host.port = 0;
    return host;
}

bool weir_tcp_tally_watch_pair(struct weir_tcp_tally *tally, const struct weir_sock_end *from,
                               const struct weir_sock_end *remote)
{
    const struct weir_sock_end host = host_of(from);
    bool is_new;

    if (!watch(tally, &host, remote, &is_new))
        return false;
    tally->has_pairs = true;
    return weir_tcp_tally_watch_remote(tally, remote);
}

const struct weir_sock_filter *weir_tcp_tally_filter(const struct weir_tcp_tally *tally)
{
    return &tally->filter;
}

static void add(struct watched *watched, const struct weir_sock *sock)
{
    if (watched)
        watched->counts.in[sock->state]++;
}

static void count_local(struct weir_tcp_tally *tally, const struct weir_sock *sock)
{
    struct watched *exact = find(tally, &sock->local, &any_end);
    struct weir_sock_end wildcard = {.port = sock->local.port};

    add(exact, sock);
    if (exact && exact->is_listened)
        return;
    if (!sock->is_ipv6)
        wildcard.host[10] = wildcard.host[11] = 0xff;
    add(find(tally, &wildcard, &any_end), sock);
}

void weir_tcp_tally_count(void *owner, const struct weir_sock *sock)
{
    struct weir_tcp_tally *tally = owner;

    if (weir_port_set_has(&tally->filter.local, sock->local.port))
        count_local(tally, sock);
    if (!weir_port_set_has(&tally->filter.remote, sock->remote.port))
        return;
    add(find(tally, &any_end, &sock->remote), sock);
    if (tally->has_pairs) {
        const struct weir_sock_end host = host_of(&sock->local);
        add(find(tally, &host, &sock->remote), sock);
    }
}

void weir_tcp_tally_clear(struct weir_tcp_tally *tally)
{
    struct watched *watched, *next;

    HASH_ITER(hh, tally->all, watched, next) {
        watched->counts = (struct weir_tcp_counts){{0}};
    }
}

static const struct weir_tcp_counts *counts_of(const struct watched *watched)
{
    return watched ? &watched->counts : NULL;
}

const struct weir_tcp_counts *weir_tcp_tally_local(const struct weir_tcp_tally *tally,
                                                   const struct weir_sock_end *local)
{
    return counts_of(find(tally, local, &any_end));
}

const struct weir_tcp_counts *weir_tcp_tally_remote(const struct weir_tcp_tally *tally,
                                                    const struct weir_sock_end *remote)
{
    return counts_of(find(tally, &any_end, remote));
}

const struct weir_tcp_counts *weir_tcp_tally_pair(const struct weir_tcp_tally *tally,
                                                  const struct weir_sock_end *from,
                                                  const struct weir_sock_end *remote)
{
    const struct weir_sock_end host = host_of(from);

    return counts_of(find(tally, &host, remote));
}
