/* Control: the thread that may be slow. Starts the workers, hears signals, reloads, drains, and
 * answers the admin endpoint. */
#ifndef WEIR_CONTROL_CONTROL_H
#define WEIR_CONTROL_CONTROL_H

#include "weir/base/spool.h"
#include "weir/worker/worker.h"

struct weir_admin;
struct weir_names;
struct weir_prober;
struct weir_recorder;
struct weir_socket_file;
struct weir_tcp_states;

#define WEIR_CONTROL_STATES(X) X(starting) X(running) X(draining) X(stopping)

enum weir_control_state {
#define WEIR_CONTROL_ROW(name) WEIR_CONTROL_##name,
    WEIR_CONTROL_STATES(WEIR_CONTROL_ROW)
#undef WEIR_CONTROL_ROW
};

enum { WEIR_CONTROL_SIGNALS = 5 };

/* A worker as control sees it. */
struct weir_hand {
    struct weir_control *control;
    struct weir_worker *worker;
    struct weir_task drained; /* its letter that it has drained */
};

struct weir_control {
    enum weir_control_state state;
    bool has_failed;  /* the exit status is 1 */
    bool is_aborting; /* told twice to stop */
    const char *path; /* of the configuration; NULL when it came from the command line */
    struct weir_loop loop;
    struct weir_registry *registry;
    struct weir_generation *generation; /* the one in force */
    struct weir_spools spools;          /* the access log's, and those of former ones */
    struct weir_names *names;           /* its configuration's */
    struct weir_socket_file *sockets;   /* the Unix sockets that listeners have */
    struct weir_hand *hands;            /* one a worker */
    unsigned n_workers, n_drained;
    unsigned n_listings; /* of /connections, under way */
    struct weir_admin *admin;
    struct weir_prober *prober;
    struct weir_recorder *recorder;
    struct weir_tcp_states *tcp_states;
    char *token; /* that POSTs must show; NULL: there is none, and they are refused */
    struct weir_deadline shutdown;
    uv_signal_t signals[WEIR_CONTROL_SIGNALS];
    uint64_t started_ms;
};

/* Runs weir with CONFIG until it is told to stop. PATH is where a reload reads again, or NULL.
 * Owns: CONFIG in any case. Returns the exit status. Blocks. */
int weir_control_run(struct weir_config *config, const char *path);

/* ---- Between the parts of control. ---- */

/* Reads the configuration again and puts it in force; a fault leaves all as it was. ERRORS gets the
 * reasons, a line each. */
bool weir_control_reload(struct weir_control *control, FILE *errors);

/* Would a reload succeed? As far as that can be told without changing anything: the configuration
 * is read and checked, names are resolved, addresses are tried. ERRORS gets the reasons why not. */
bool weir_control_try(struct weir_control *control, FILE *errors);

/* What stands behind names has changed: the configuration in force goes on with it, as another
 * revision. Fails: false, nothing has changed; try again later. */
bool weir_control_revise(struct weir_control *control);

/* Stops accepting, lets requests finish, then stops. Idempotent. */
void weir_control_drain(struct weir_control *control);

/* Could ADDRESS be bound by somebody who shares with nobody? 0 or -errno. */
int weir_control_probe(const struct weir_address *address);

/* Binds what NEXT listens on and the generation in force does not; one set of doors a worker. With
 * NULL for DOORS it only tries. Fails: false, and FAULT is a line for people. */
bool weir_control_bind(struct weir_control *control, const struct weir_generation *next,
                       struct weir_door **doors, char *fault, size_t fault_size);

/* Gives NEXT, which no worker has yet, its access log: FORMER's (or NULL) where the path is the
 * same. Fails: false, and FAULT is a line for people. */
bool weir_control_log_access(struct weir_control *control, struct weir_generation *next,
                             const struct weir_generation *former, char *fault, size_t fault_size);

const char *weir_control_state_name(enum weir_control_state state);

/* `/stats`, as JSON text. Owns: the caller, to free. Fails: NULL, out of memory. */
char *weir_stats_print(struct weir_control *control);

/* The admin endpoint. Fails: NULL, and FAULT is a line for people. */
struct weir_admin *weir_admin_open(struct weir_control *control, char *fault, size_t fault_size);
/* Memory goes when the last connection has closed. */
void weir_admin_close(struct weir_admin *admin);

#endif
