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
        if (!weir_generation_find_pool(next, former->plans[i].pool))
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
    const struct weir_generation_base base = {.loop = &control->loop,
                                              .n_workers = control->n_workers,
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

/* What is built beside what is in force. */
struct draft {
    struct weir_config *config;
    struct weir_names *names;
    struct weir_generation *next;
    char *token;
};

/* Fails: false, ERRORS has the reasons. To be discarded in any case. */
static bool begin_draft(struct weir_control *control, struct draft *draft, FILE *errors)
{
    struct weir_generation_base base = {.loop = &control->loop,
                                        .n_workers = control->n_workers,
                                        .registry = control->registry,
                                        .previous = control->generation};
    char fault[512] = "out of memory";

    if (!control->path)
        fprintf(errors, "there is no file to reload: weir was configured on the command line\n");
    else if (control->state != WEIR_CONTROL_running)
        fprintf(errors, "weir is %s\n", weir_control_state_name(control->state));
    else
        draft->config = load(control->path, &draft->token, errors);
    if (!draft->config)
        return false;
    draft->names = weir_names_create(draft->config, control->names, fault, sizeof(fault));
    base.book = draft->names ? weir_names_book(draft->names) : NULL;
    if (draft->names)
        draft->next = weir_generation_build(weir_config_ref(draft->config), &base, fault,
                                            sizeof(fault));
    if (!draft->next)
        fprintf(errors, "%s\n", fault);
    return draft->next;
}

/* What became a part of control is no longer in it. */
static void discard_draft(struct weir_control *control, struct draft *draft)
{
    bool is_left_over = draft->config && draft->config != control->generation->config;

    weir_names_destroy(draft->names);
    weir_generation_unref(draft->next);
    weir_config_unref(draft->config);
    free(draft->token);
    /* Pools and servers that only the draft named are forgotten again. */
    if (is_left_over)
        weir_registry_settle(control->registry, control->generation->plans,
                             control->generation->config->n_pools);
}

/* Takes from the draft what it needs. */
static bool finish_draft(struct weir_control *control, struct draft *draft, FILE *errors)
{
    struct weir_door **doors = calloc(control->n_workers, sizeof(struct weir_door *));
    const struct weir_config *config = draft->config;
    char fault[512] = "out of memory";

    if (!doors ||
        !weir_control_log_access(control, draft->next, control->generation, fault, sizeof(fault)) ||
        !weir_names_watch(draft->names, control, fault, sizeof(fault)) ||
        !weir_control_bind(control, draft->next, doors, fault, sizeof(fault))) {
        fprintf(errors, "%s\n", fault);
        free(doors);
        return false;
    }
    int error = weir_log_open(config->log_to, config->log_level, config->log_format);
    if (error)
        weir_log(WEIR_LOG_ERROR, "reload: log.to: %s: %s", config->log_to, strerror(-error));
    put_in_force(control, draft->next, doors);
    draft->next = NULL;
    put_names_in_force(control, draft->names);
    draft->names = NULL;
    free(control->token);
    control->token = draft->token;
    draft->token = NULL;
    free(doors);
    return true;
}

bool weir_control_reload(struct weir_control *control, FILE *errors)
{
    struct draft draft = {.config = NULL};
    bool done = begin_draft(control, &draft, errors);

    if (done) {
        note_fixed(control->generation->config, draft.config);
        done = finish_draft(control, &draft, errors);
    }
    if (done)
        weir_log(WEIR_LOG_INFO, "reloaded %s: generation %u", control->path,
                 control->generation->number);
    discard_draft(control, &draft);
    return done;
}

bool weir_control_try(struct weir_control *control, FILE *errors)
{
    struct draft draft = {.config = NULL};
    char fault[512];
    bool done = begin_draft(control, &draft, errors);

    if (done && !weir_control_bind(control, draft.next, NULL, fault, sizeof(fault))) {
        fprintf(errors, "%s\n", fault);
        done = false;
    }
    discard_draft(control, &draft);
    return done;
}
