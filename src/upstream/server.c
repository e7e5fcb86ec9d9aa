#include "weir/upstream/server.h"

#include "weir/base/assert.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct weir_server_slot) % 64 == 0 && _Alignof(struct weir_server_slot) == 64,
               "what one worker counts shares no cache line with another's");

const char *weir_close_reason_name(enum weir_close_reason reason)
{
    static const char *const names[] = {
#define NAME(name, meaning) #name,
        WEIR_CLOSE_REASONS(NAME)
#undef NAME
    };
    return names[reason];
}

const char *weir_admin_state_name(enum weir_admin_state state)
{
    static const char *const names[] = {
#define NAME(name) #name,
        WEIR_ADMIN_STATES(NAME)
#undef NAME
    };
    return names[state];
}

struct weir_server *weir_server_create(const char *name, const struct weir_address *address,
                                       unsigned n_workers)
{
    size_t size = sizeof(struct weir_server) + n_workers * sizeof(struct weir_server_slot);
    struct weir_server *server = aligned_alloc(64, (size + 63) / 64 * 64);

    if (!server)
        return NULL;
    memset(server, 0, size);
    server->name = strdup(name);
    if (!server->name) {
        free(server);
        return NULL;
    }
    server->address = *address;
    server->n_slots = n_workers;
    atomic_init(&server->references, 1);
    weir_lesson_init(&server->lesson);
    weir_lesson_init(&server->patience);
    for (unsigned i = 0; i < n_workers; i++)
        pthread_mutex_init(&server->slots[i].shared.lock, NULL);
    return server;
}

struct weir_server *weir_server_ref(struct weir_server *server)
{
    atomic_fetch_add(&server->references, 1);
    return server;
}

void weir_server_unref(struct weir_server *server)
{
    if (atomic_fetch_sub(&server->references, 1) > 1)
        return;
    WEIR_ASSERT(atomic_load(&server->shared.connections) == 0);
    for (unsigned i = 0; i < server->n_slots; i++)
        pthread_mutex_destroy(&server->slots[i].shared.lock);
    weir_lesson_fini(&server->lesson);
    weir_lesson_fini(&server->patience);
    weir_server_tls_fini(&server->tls);
    free(server->name);
    free(server);
}

const char *weir_server_state_name(struct weir_server *server)
{
    unsigned admin_state = atomic_load(&server->shared.admin_state);

    if (admin_state == WEIR_ADMIN_drain)
        return "draining";
    if (admin_state == WEIR_ADMIN_down || weir_health_is_down(&server->shared.health))
        return "down";
    return weir_server_is_well(server) ? "up" : "ejected";
}

bool weir_server_takes(struct weir_server *server, uint64_t since_us)
{
    unsigned state = atomic_load(&server->shared.admin_state);

    return state == WEIR_ADMIN_up ||
           (state == WEIR_ADMIN_drain && since_us < atomic_load(&server->shared.drained_us));
}

/* Workers read them all the time: as long as they stay the same, their line is not written to. */
static void set_limit(_Atomic uint64_t *limit, uint64_t value)
{
    if (atomic_load_explicit(limit, memory_order_relaxed) != value)
        atomic_store(limit, value);
}

void weir_server_limit(struct weir_server *server, uint64_t max, uint64_t idle_max)
{
    set_limit(&server->shared.max, max);
    set_limit(&server->shared.idle_max, idle_max);
}

static bool take_port(struct weir_server *server)
{
    unsigned given = atomic_load(&server->shared.ports_given);

    do {
        if (given == 0)
            return false;
    } while (!atomic_compare_exchange_weak(&server->shared.ports_given, &given, given - 1));
    return true;
}

bool weir_server_reserve(struct weir_server *server, uint64_t max, bool *has_port)
{
    unsigned open = atomic_load(&server->shared.connections);

    *has_port = weir_server_is_held(server);
    if (*has_port && !take_port(server))
        return false;
    do {
        if (max > 0 && open >= max) {
            if (*has_port)
                weir_server_give_port(server);
            return false;
        }
    } while (!atomic_compare_exchange_weak(&server->shared.connections, &open, open + 1));
    return true;
}

void weir_server_unreserve(struct weir_server *server)
{
    unsigned before = atomic_fetch_sub(&server->shared.connections, 1);
    WEIR_ASSERT(before > 0);
}
