/* Who makes which transition: weir_control_run → running; weir_control_drain → draining;
 * on_worker_drained → stopping. */
#include "weir/control/control.h"

#include "weir/base/assert.h"
#include "weir/control/names.h"
#include "weir/control/prober.h"
#include "weir/control/recorder.h"
#include "weir/control/sockets.h"
#include "weir/control/tcp_states.h"
#include "weir/control/token.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utlist.h>

enum { LAST_LINES_MS = 3000 }; /* for what the access log still has to write */

const char *weir_control_state_name(enum weir_control_state state)
{
    static const char *const names[] = {
#define NAME(name) #name,
        WEIR_CONTROL_STATES(NAME)
#undef NAME
    };
    return names[state];
}

static unsigned usable_cores(void)
{
    cpu_set_t cores;

    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (unsigned)CPU_COUNT(&cores) : 1;
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        weir_log(WEIR_LOG_WARN, "cannot raise the limit of open files: %s", strerror(errno));
}

/* ---- Listening ---- */

/* SO_REUSEPORT would let two weirs share a port without a word: a bind without it shows who is
 * there. */
int weir_control_probe(const struct weir_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1, error = 0;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &address->any, address->len) != 0)
        error = -errno;
    close(fd);
    return error;
}

static bool is_bound(const struct weir_generation *generation, const struct weir_address *address)
{
    for (size_t i = 0; generation && i < generation->n_listeners; i++) {
        const struct weir_listener_plan *plan = &generation->listeners[i];
        for (size_t k = 0; k < plan->config->n_listen; k++) {
            if (weir_address_is_equal(&plan->addresses[k], address))
                return true;
        }
    }
    return false;
}

/* Each worker gets a socket of its own. DOORS may be NULL: only whether TCP could be listened on.
 * Fails: as weir_sockets_open. */
static bool bind_for_all(struct weir_control *control, const struct weir_listener_plan *plan,
                         size_t index, struct weir_door **doors, char *fault, size_t fault_size)
{
    const struct weir_address *address = &plan->addresses[index];
    int error;

    if (address->any.sa_family == AF_UNIX)
        return !doors || weir_sockets_open(control, plan, index, doors, fault, fault_size);
    error = weir_control_probe(address);
    for (unsigned i = 0; doors && i < control->n_workers && !error; i++) {
        struct weir_door *door = weir_door_open(address, plan->listener, &error);
        if (door)
            DL_APPEND(doors[i], door);
    }
    if (error)
        snprintf(fault, fault_size, "%s%s", strerror(-error),
                 error == -EADDRINUSE ? "; stop what listens there, or choose another port"
                 : error == -EACCES   ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
                                      : "");
    return !error;
}

bool weir_control_bind(struct weir_control *control, const struct weir_generation *next,
                       struct weir_door **doors, char *fault, size_t fault_size)
{
    for (size_t i = 0; i < next->n_listeners; i++) {
        const struct weir_listener_plan *plan = &next->listeners[i];
        for (size_t k = 0; k < plan->config->n_listen; k++) {
            char why[256];
            if (is_bound(control->generation, &plan->addresses[k]) ||
                bind_for_all(control, plan, k, doors, why, sizeof(why)))
                continue;
            snprintf(fault, fault_size, "listeners.%s: cannot listen on %s: %s", plan->config->name,
                     plan->config->listen[k], why);
            for (unsigned w = 0; doors && w < control->n_workers; w++)
                weir_doors_close(&doors[w]);
            weir_sockets_settle(control, control->generation);
            return false;
        }
    }
    return true;
}

/* ---- Draining and stopping ---- */

static void stop_loop(struct weir_control *control)
{
    control->state = WEIR_CONTROL_stopping;
    weir_deadline_cancel(&control->shutdown);
    weir_loop_stop(&control->loop);
}

static void on_hand_drained(struct weir_task *task)
{
    struct weir_hand *hand = (struct weir_hand *)(void *)((char *)task -
                                                          offsetof(struct weir_hand, drained));
    struct weir_control *control = hand->control;

    if (++control->n_drained < control->n_workers)
        return;
    weir_log(WEIR_LOG_INFO, "drained: every request is answered");
    stop_loop(control);
}

/* On the worker's thread. */
static void on_worker_drained(struct weir_worker *worker, void *context)
{
    struct weir_hand *hand = context;

    (void)worker;
    weir_loop_post(&hand->control->loop, &hand->drained);
}

/* Once: the workers' letters are one each. */
static void abort_workers(struct weir_control *control, const char *why)
{
    if (control->is_aborting)
        return;
    control->is_aborting = true;
    weir_log(WEIR_LOG_WARN, "stopping at once: %s", why);
    for (unsigned i = 0; i < control->n_workers; i++)
        weir_worker_abort(control->hands[i].worker);
}

static void on_shutdown_timeout(struct weir_deadline *deadline)
{
    abort_workers(
        (struct weir_control *)(void *)((char *)deadline - offsetof(struct weir_control, shutdown)),
        "shutdown_timeout has run out");
}

void weir_control_drain(struct weir_control *control)
{
    uint64_t limit_ms = control->generation->config->shutdown_timeout_ms;

    if (control->state != WEIR_CONTROL_running)
        return;
    control->state = WEIR_CONTROL_draining;
    /* First, so that whoever has connected is among those whom the workers accept for the last
     * time.
     */
    weir_sockets_settle(control, NULL);
    weir_log(WEIR_LOG_INFO, "draining: requests in progress have %llu ms",
             (unsigned long long)limit_ms);
    control->shutdown.on_expire = on_shutdown_timeout;
    weir_loop_deadline(&control->loop, &control->shutdown, limit_ms);
    for (unsigned i = 0; i < control->n_workers; i++)
        weir_worker_drain(control->hands[i].worker);
}

/* ---- Signals ---- */

static void on_terminate(uv_signal_t *handle, int number)
{
    struct weir_control *control = handle->data;

    if (control->state == WEIR_CONTROL_running)
        weir_control_drain(control);
    else if (control->state == WEIR_CONTROL_draining)
        abort_workers(control, number == SIGINT ? "a second SIGINT" : "a second SIGTERM");
}

static void on_hangup(uv_signal_t *handle, int number)
{
    struct weir_control *control = handle->data;
    char *text = NULL, *line, *rest;
    size_t len = 0;
    FILE *errors = open_memstream(&text, &len);

    (void)number;
    if (!errors)
        return;
    (void)weir_control_reload(control, errors);
    fclose(errors);
    for (rest = text; (line = strsep(&rest, "\n"));) {
        if (*line)
            weir_log(WEIR_LOG_ERROR, "reload: %s", line);
    }
    free(text);
}

static void on_reopen(uv_signal_t *handle, int number)
{
    struct weir_control *control = handle->data;
    int error = weir_log_reopen();

    (void)number;
    weir_spools_reopen(&control->spools);
    if (error)
        weir_log(WEIR_LOG_ERROR, "cannot open the log again: %s", strerror(-error));
}

static void on_upgrade(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    weir_log(WEIR_LOG_ERROR, "SIGUSR2: upgrading in place has not landed in this version of weir");
}

static void hear_signals(struct weir_control *control)
{
    static const struct {
        int number;
        uv_signal_cb callback;
    } heard[] = {{SIGTERM, on_terminate},
                 {SIGINT, on_terminate},
                 {SIGHUP, on_hangup},
                 {SIGUSR1, on_reopen},
                 {SIGUSR2, on_upgrade}};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < WEIR_CONTROL_SIGNALS; i++) {
        uv_signal_init(control->loop.uv, &control->signals[i]);
        control->signals[i].data = control;
        uv_signal_start(&control->signals[i], heard[i].callback, heard[i].number);
    }
}

/* ---- Life ---- */

static bool start_workers(struct weir_control *control, char *fault, size_t fault_size)
{
    static const struct weir_worker_events events = {.on_drained = on_worker_drained};
    struct weir_door **doors = calloc(control->n_workers, sizeof(struct weir_door *));
    struct weir_generation *first = control->generation;
    unsigned n_doors = control->n_workers;
    bool bound;

    snprintf(fault, fault_size, "out of memory");
    if (!doors)
        return false;
    control->generation = NULL; /* nothing is bound yet */
    bound = weir_control_bind(control, first, doors, fault, fault_size);
    control->generation = first;
    for (unsigned i = 0; bound && i < control->n_workers; i++) {
        struct weir_hand *hand = &control->hands[i];
        hand->control = control;
        hand->drained.run = on_hand_drained;
        hand->worker = weir_worker_start(i, first, &doors[i], &events, hand);
        if (!hand->worker) {
            snprintf(fault, fault_size, "cannot start worker %u", i);
            bound = false;
            control->n_workers = i;
        }
    }
    for (unsigned i = control->n_workers; i < n_doors; i++)
        weir_doors_close(&doors[i]);
    free(doors);
    return bound;
}

static void stop_workers(struct weir_control *control)
{
    for (unsigned i = 0; i < control->n_workers; i++) {
        if (control->hands[i].worker)
            weir_worker_join(control->hands[i].worker);
    }
    for (unsigned i = 0; i < control->n_workers; i++) {
        if (control->hands[i].worker)
            weir_worker_destroy(control->hands[i].worker);
    }
}

static void log_ready(const struct weir_control *control)
{
    const struct weir_config *config = control->generation->config;
    char text[1024] = "", where[WEIR_ADDRESS_TEXT_MAX];
    size_t len = 0;

    for (size_t i = 0; i < control->generation->n_listeners; i++) {
        const struct weir_listener_plan *plan = &control->generation->listeners[i];
        for (size_t k = 0; k < plan->config->n_listen && len + sizeof(where) < sizeof(text); k++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " %s",
                                    weir_address_describe(&plan->addresses[k], where));
    }
    weir_log(WEIR_LOG_INFO, "ready: listening on%s, %u workers, admin %s", text, control->n_workers,
             config->admin_listen ? config->admin_listen : "off");
}

static bool start(struct weir_control *control, struct weir_config *config, char *fault,
                  size_t fault_size)
{
    unsigned n = config->workers > 0 ? (unsigned)config->workers : usable_cores();
    int error = weir_log_open(config->log_to, config->log_level, config->log_format);

    snprintf(fault, fault_size, "out of memory");
    if (error) {
        snprintf(fault, fault_size, "log.to: %s: %s", config->log_to, strerror(-error));
        weir_config_unref(config);
        return false;
    }
    control->n_workers = n;
    control->hands = calloc(n, sizeof(*control->hands));
    control->registry = weir_registry_create(n);
    if (!control->hands || !control->registry) {
        weir_config_unref(config);
        return false;
    }
    control->names = weir_names_create(config, NULL, fault, fault_size);
    if (!control->names) {
        weir_config_unref(config);
        return false;
    }
    struct weir_generation_base base = {.loop = &control->loop,
                                        .n_workers = n,
                                        .registry = control->registry,
                                        .book = weir_names_book(control->names)};
    control->generation = weir_generation_build(config, &base, fault, fault_size);
    if (!control->generation || !weir_names_watch(control->names, control, fault, fault_size))
        return false;
    weir_registry_settle(control->registry, control->generation->plans, config->n_pools);
    if (!weir_control_log_access(control, control->generation, NULL, fault, fault_size))
        return false;
    if (config->admin_token_file) {
        control->token = weir_token_load(config->admin_token_file, fault, fault_size);
        if (!control->token)
            return false;
    }
    if (config->admin_listen) {
        control->admin = weir_admin_open(control, fault, fault_size);
        if (!control->admin)
            return false;
    }
    control->prober = weir_prober_create(control);
    control->tcp_states = weir_tcp_states_create();
    if (!control->prober || !control->tcp_states || !start_workers(control, fault, fault_size))
        return false;
    weir_prober_sync(control->prober);
    control->recorder = weir_recorder_start(control);
    return control->recorder;
}

/* Workers that have started before one could not have clients already. */
static void undo_start(struct weir_control *control)
{
    if (!control->hands || control->n_workers == 0 || !control->hands[0].worker)
        return;
    control->state = WEIR_CONTROL_running;
    weir_control_drain(control);
    abort_workers(control, "not all workers could be started");
    weir_loop_run(&control->loop);
}

static void fini(struct weir_control *control)
{
    if (control->prober)
        weir_prober_destroy(control->prober);
    weir_recorder_stop(control->recorder);
    /* What the admin endpoint tells is read from the workers. */
    if (control->admin)
        weir_admin_close(control->admin);
    weir_names_destroy(control->names);
    weir_sockets_settle(control, NULL);
    if (control->hands)
        stop_workers(control);
    for (size_t i = 0; i < WEIR_CONTROL_SIGNALS; i++)
        uv_close((uv_handle_t *)&control->signals[i], NULL);
    weir_loop_fini(&control->loop);
    weir_tcp_states_destroy(control->tcp_states);
    weir_generation_unref(control->generation);
    weir_registry_destroy(control->registry);
    weir_spools_fini(&control->spools, LAST_LINES_MS);
    free(control->hands);
    free(control->token);
}

int weir_control_run(struct weir_config *config, const char *path)
{
    struct weir_control control = {.state = WEIR_CONTROL_starting, .path = path};
    char fault[512];

    raise_file_limit();
    if (weir_loop_init(&control.loop) != 0) {
        weir_config_unref(config);
        return 1;
    }
    if (weir_loop_host(&control.loop) != 0) {
        weir_loop_fini(&control.loop);
        weir_config_unref(config);
        return 1;
    }
    hear_signals(&control);
    control.started_ms = weir_loop_now_ms(&control.loop);
    if (start(&control, config, fault, sizeof(fault))) {
        control.state = WEIR_CONTROL_running;
        log_ready(&control);
        weir_loop_run(&control.loop);
    } else {
        fprintf(stderr, "weir: %s\n", fault);
        control.has_failed = true;
        undo_start(&control);
    }
    fini(&control);
    return control.has_failed ? 1 : 0;
}
