/* A command changes what all workers look at, then asks each of them to put in order what it has in
 * hand, and is done when all have answered; a pause also waits until its pool has no connection. */
#include "weir/control/command.h"

#include "weir/control/round.h"
#include "weir/upstream/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only while somebody waits for a pause: how often the connections left are counted. */
enum { LOOK_EVERY_MS = 5 };

struct weir_command {
    struct weir_control *control;
    struct weir_order order;
    struct weir_pool *pool; /* referenced */
    const struct weir_command_events *events;
    void *owner; /* NULL once nobody wants to hear */
    struct weir_deadline look;
    struct weir_round round;
};

#define OWNER(type, pointer, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static const struct weir_pool_plan *find_plan(const struct weir_control *control, const char *name)
{
    const struct weir_generation *generation = control->generation;

    for (size_t i = 0; i < generation->config->n_pools; i++) {
        if (strcmp(generation->plans[i].pool->name, name) == 0)
            return &generation->plans[i];
    }
    return NULL;
}

static void destroy(struct weir_command *command)
{
    weir_deadline_cancel(&command->look);
    weir_pool_unref(command->pool);
    weir_round_fini(&command->round);
    free(command);
}

static void finish(struct weir_command *command, const struct weir_outcome *outcome)
{
    void *owner = command->owner;
    const struct weir_command_events *events = command->events;

    destroy(command);
    events->on_done(owner, outcome);
}

static void describe_done(const struct weir_order *order, struct weir_outcome *outcome)
{
    static const char *const texts[] = {
        [WEIR_COMMAND_pause] = "paused: no connection is left",
        [WEIR_COMMAND_resume] = "resumed",
        [WEIR_COMMAND_reconnect] = "every connection will be replaced as it comes free",
        [WEIR_COMMAND_flush] = "the idle connections are closed",
        [WEIR_COMMAND_server_up] = "up",
        [WEIR_COMMAND_server_drain] = "draining: it gets no new requests",
        [WEIR_COMMAND_server_down] = "down: it gets no requests",
    };

    outcome->status = 200;
    if (order->server[0])
        snprintf(outcome->text, sizeof(outcome->text), "%.60s: %.140s: %s\n", order->pool,
                 order->server, texts[order->kind]);
    else
        snprintf(outcome->text, sizeof(outcome->text), "%.60s: %s\n", order->pool,
                 texts[order->kind]);
}

/* Why a pause can't come to its end, or NULL. */
static const char *find_obstacle(const struct weir_command *command,
                                 const struct weir_pool_plan *plan)
{
    if (!plan || plan->pool != command->pool)
        return "the pool left the configuration before its last connection was closed\n";
    if (!atomic_load(&command->pool->shared.is_paused))
        return "the pool was resumed before its last connection was closed\n";
    return NULL;
}

/* Every worker has swept, so what is open now is all there is until the pool is resumed. */
static void look(struct weir_command *command)
{
    const struct weir_pool_plan *plan = find_plan(command->control, command->order.pool);
    struct weir_outcome outcome = {.status = 409};
    const char *obstacle = NULL;

    if (command->order.kind == WEIR_COMMAND_pause) {
        obstacle = find_obstacle(command, plan);
        if (!obstacle && weir_pool_connections(plan) > 0) {
            weir_loop_deadline(&command->control->loop, &command->look, LOOK_EVERY_MS);
            return;
        }
    }
    if (obstacle)
        snprintf(outcome.text, sizeof(outcome.text), "%s", obstacle);
    else
        describe_done(&command->order, &outcome);
    finish(command, &outcome);
}

static void on_look(struct weir_deadline *deadline)
{
    look(OWNER(struct weir_command, deadline, look));
}

static void on_all_swept(struct weir_round *round)
{
    struct weir_command *command = OWNER(struct weir_command, round, round);

    if (command->owner)
        look(command);
    else
        destroy(command);
}

static void send_errands(struct weir_command *command)
{
    const struct weir_errand errand = {
        .flushed = command->order.kind == WEIR_COMMAND_flush ? command->pool : NULL};

    command->round.on_all_back = on_all_swept;
    weir_round_send(&command->round, command->control, &errand);
}

/* False: the pool has no such server. */
static bool set_server(const struct weir_pool_plan *plan, const struct weir_order *order)
{
    enum weir_admin_state state = order->kind == WEIR_COMMAND_server_up      ? WEIR_ADMIN_up
                                  : order->kind == WEIR_COMMAND_server_drain ? WEIR_ADMIN_drain
                                                                             : WEIR_ADMIN_down;
    bool is_found = false;

    for (size_t i = 0; i < plan->n_servers; i++) {
        if (strcmp(plan->servers[i]->name, order->server) != 0)
            continue;
        weir_pool_set_server(plan, plan->servers[i], state);
        is_found = true;
    }
    if (is_found)
        weir_log(WEIR_LOG_INFO, "%s: %s: admin state %s", order->pool, order->server,
                 weir_admin_state_name(state));
    return is_found;
}

static bool apply(const struct weir_pool_plan *plan, const struct weir_order *order)
{
    switch (order->kind) {
    case WEIR_COMMAND_pause:
        weir_pool_pause(plan->pool);
        weir_log(WEIR_LOG_INFO, "%s: paused", order->pool);
        return true;
    case WEIR_COMMAND_resume:
        weir_pool_resume(plan);
        weir_log(WEIR_LOG_INFO, "%s: resumed", order->pool);
        return true;
    case WEIR_COMMAND_reconnect:
        weir_pool_reconnect(plan->pool);
        weir_log(WEIR_LOG_INFO, "%s: reconnecting", order->pool);
        return true;
    case WEIR_COMMAND_flush:
        weir_log(WEIR_LOG_INFO, "%s: flushed", order->pool);
        return true;
    default:
        return set_server(plan, order);
    }
}

struct weir_command *weir_command_begin(struct weir_control *control,
                                        const struct weir_order *order,
                                        const struct weir_command_events *events, void *owner,
                                        struct weir_outcome *outcome)
{
    const struct weir_pool_plan *plan = find_plan(control, order->pool);
    struct weir_command *command;

    if (!plan) {
        *outcome = (struct weir_outcome){.status = 404};
        snprintf(outcome->text, sizeof(outcome->text), "there is no pool `%.60s`\n", order->pool);
        return NULL;
    }
    command = calloc(1, sizeof(*command));
    if (!command || !weir_round_init(&command->round, control)) {
        free(command);
        *outcome = (struct weir_outcome){.status = 503, .text = "out of memory\n"};
        return NULL;
    }
    if (!apply(plan, order)) {
        *outcome = (struct weir_outcome){.status = 404};
        snprintf(outcome->text, sizeof(outcome->text), "pool `%.60s` has no server `%.140s`\n",
                 order->pool, order->server);
        weir_round_fini(&command->round);
        free(command);
        return NULL;
    }
    command->control = control;
    command->order = *order;
    command->pool = weir_pool_ref(plan->pool);
    command->events = events;
    command->owner = owner;
    command->look.on_expire = on_look;
    send_errands(command);
    return command;
}

void weir_command_abandon(struct weir_command *command)
{
    command->owner = NULL;
    if (command->round.n_out == 0)
        destroy(command);
}
