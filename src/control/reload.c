/* The next generation is built and its addresses are bound beside the one in force; only when all
 * of it stands do the workers hear of it. */
#include "weir/control/control.h"
#include "weir/control/names.h"
#include "weir/control/prober.h"
#include "weir/control/sockets.h"
#include "weir/control/token.h"
#include "weir/upstream/command.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* What a running weir can't change, and must not pretend to. */
static void note_fixed(const struct weir_config *former, const struct weir_config *next)
{
    bool moved = (former->admin_listen == NULL) != (next->admin_listen == NULL) ||
                 (former->admin_listen && strcmp(former->admin_listen, next->admin_listen) != 0);

    if (former->workers != next->workers)
        weir_log(WEIR_LOG_WARN, "reload: `workers` takes effect when weir starts again");
    if (moved)
        weir_log(WEIR_LOG_WARN, "reload: `admin.listen` takes effect when weir starts again");
    if (former->admin_socket_mode != next->admin_socket_mode)
        weir_log(WEIR_LOG_WARN, "reload: `admin.socket_mode` takes effect when weir starts again");
}

/* Who waits in a paused pool that leaves would wait for a command that nobody can give any more. */
static void resume_dropped(const struct weir_generation *former, const struct weir_generation *next)
{
    for (size_t i = 0; i < former->config->n_pools; i++) {
        bool is_listed = false;
        for (size_t k = 0; k < next->config->n_pools && !is_listed; k++)
            is_listed = next->plans[k].pool == former->plans[i].pool;
        if (!is_listed)
            weir_pool_resume(&former->plans[i]);
    }
}

static void put_in_force(struct weir_control *control, struct weir_generation *next,
                         struct weir_door **doors)
{
    struct weir_generation *former = control->generation;

    resume_dropped(former, next);
    weir_registry_settle(control->registry, next->plans, next->config->n_pools);
    control->generation = next;
    for (unsigned i = 0; i < control->n_workers; i++) {
        if (!weir_worker_switch(control->hands[i].worker, next, doors[i])) {
            weir_doors_close(&doors[i]);
            weir_log(WEIR_LOG_ERROR, "reload: out of memory: worker %u stays as it was", i);
        }
    }
    weir_sockets_settle(control, next);
    weir_generation_unref(former);
    weir_prober_sync(control->prober);
}

/* As weir_config_load, and reads the token that the file names, if any. */
static struct weir_config *load(const char *path, char **token, FILE *errors)
{
    struct weir_config *config = weir_config_load(path, errors);
    char fault[512];

    if (!config || !config->admin_token_file)
        return config;
    *token = weir_token_load(config->admin_token_file, fault, sizeof(fault));
    if (*token)
        return config;
    fprintf(errors, "%s\n", fault);
    weir_config_unref(config);
    return NULL;
}

/* NEXT is built and bound; NAMES are its own. */
static void put_names_in_force(struct weir_control *control, struct weir_names *names)
{
    weir_names_destroy(control->names);
    control->names = names;
}

bool weir_control_revise(struct weir_control *control)
{
    const struct weir_generation_base base = {.n_workers = control->n_workers,
                                              .registry = control->registry,
                                              .book = weir_names_book(control->names),
                                              .previous = control->generation};
    struct weir_door **doors = calloc(control->n_workers, sizeof(struct weir_door *));
    struct weir_generation *next = NULL;
    char fault[512] = "out of memory";

    if (control->state != WEIR_CONTROL_running) {
        free(doors);
        return true;
    }
    if (doors)
        next = weir_generation_build(weir_config_ref(control->generation->config), &base, fault,
                                     sizeof(fault));
    bool done = next &&
                weir_control_log_access(control, next, control->generation, fault, sizeof(fault));
    if (done) {
        put_in_force(control, next, doors);
    } else {
        weir_log(WEIR_LOG_ERROR, "names: %s: the servers stay as they were", fault);
        weir_generation_unref(next);
    }
    free(doors);
    return done;
}

bool weir_control_reload(struct weir_control *control, FILE *errors)
{
    struct weir_door **doors = calloc(control->n_workers, sizeof(struct weir_door *));
    struct weir_generation_base base = {.n_workers = control->n_workers,
                                        .registry = control->registry,
                                        .previous = control->generation};
    struct weir_generation *next = NULL;
    struct weir_config *config = NULL;
    struct weir_names *names = NULL;
    char fault[512] = "out of memory", *token = NULL;
    bool done = false;

    if (!control->path)
        fprintf(errors, "there is no file to reload: weir was configured on the command line\n");
    else if (control->state != WEIR_CONTROL_running)
        fprintf(errors, "weir is %s\n", weir_control_state_name(control->state));
    if (!control->path || control->state != WEIR_CONTROL_running || !doors)
        goto out;
    config = load(control->path, &token, errors);
    if (!config)
        goto out;
    note_fixed(control->generation->config, config);
    names = weir_names_create(config, control->names, fault, sizeof(fault));
    base.book = names ? weir_names_book(names) : NULL;
    if (names)
        next = weir_generation_build(weir_config_ref(config), &base, fault, sizeof(fault));
    if (!next ||
        !weir_control_log_access(control, next, control->generation, fault, sizeof(fault)) ||
        !weir_names_watch(names, control, fault, sizeof(fault)) ||
        !weir_control_bind(control, next, doors, fault, sizeof(fault))) {
        fprintf(errors, "%s\n", fault);
        goto out;
    }
    int error = weir_log_open(config->log_to, config->log_level, config->log_format);
    if (error)
        weir_log(WEIR_LOG_ERROR, "reload: log.to: %s: %s", config->log_to, strerror(-error));
    put_in_force(control, next, doors);
    put_names_in_force(control, names);
    done = true;
    free(control->token);
    control->token = token;
    token = NULL;
    weir_log(WEIR_LOG_INFO, "reloaded %s: generation %u", control->path, next->number);
out:
    if (!done && config) {
        weir_names_destroy(names);
        weir_generation_unref(next);
        /* Pools and servers that only the refused file named are forgotten again. */
        weir_registry_settle(control->registry, control->generation->plans,
                             control->generation->config->n_pools);
    }
    weir_config_unref(config);
    free(token);
    free(doors);
    return done;
}
