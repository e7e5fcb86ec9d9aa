/* The real binary under test: path from the environment's WEIR_BINARY, else the one compiled in. */
#ifndef WEIR_E2E_T_WEIR_H
#define WEIR_E2E_T_WEIR_H

#include "t_base.h"
#include "t_process.h"

#include <sys/types.h>

struct t_weir {
    struct t_process process;
    int port;           /* @port@: reserved for a listener */
    int port2;          /* @port2@: for a second one */
    int admin_port;     /* @admin@ */
    const char *config; /* path of the file it runs with, or null */
};

/* What most tests begin their configuration with. */
#define T_WEIR_HEAD                                                                                \
    "workers: 2\n"                                                                                 \
    "shutdown_timeout: 5s\n"                                                                       \
    "log: {to: stderr, level: info}\n"                                                             \
    "admin: {listen: \"127.0.0.1:@admin@\"}\n"

/* One listener `web` on @port@ for the pool `legacy`. */
#define T_WEIR_LISTENER                                                                            \
    "listeners:\n"                                                                                 \
    "  web: {listen: [\"127.0.0.1:@port@\"], pool: legacy}\n"

/* Starts `weir run -c FILE` with this YAML (a printf format) and waits for its log line `ready:
 * listening`. In the text @port@, @port2@, @admin@ stand for ports reserved for this weir, @dir@
 * for the test's own directory. */
void t_weir_start(struct t_weir *weir, const char *yaml, ...) __attribute__((format(printf, 2, 3)));
#define t_weir_start(...) T_AT((t_weir_start)(__VA_ARGS__))

/* The shortest way: T_WEIR_HEAD, T_WEIR_LISTENER, pool `legacy` with the one server
 * 127.0.0.1:ORIGIN_PORT, and POOL_YAML (may be null) inside that pool, indented by four spaces: "
 * retry: {attempts: 0}\n". */
void t_weir_start_to(struct t_weir *weir, int origin_port, const char *pool_yaml);
#define t_weir_start_to(...) T_AT((t_weir_start_to)(__VA_ARGS__))

/* Starts `weir ARGV…` (ended by null, the same placeholders), and waits until it is ready. */
void t_weir_start_args(struct t_weir *weir, const char *first, ...) __attribute__((sentinel));
#define t_weir_start_args(...) T_AT((t_weir_start_args)(__VA_ARGS__))

/* Runs `weir ARGV…` to its end: weir check, weir --help, a weir that refuses to start. */
struct t_run t_weir_run(const char *first, ...) __attribute__((sentinel));
#define t_weir_run(...) T_AT((t_weir_run)(__VA_ARGS__))

/* The same as `weir ARGV…` would be, to check a configuration: writes YAML to a file in the test's
 * directory (placeholders as above) and runs `weir check -c FILE`. */
struct t_run t_weir_check(const char *yaml);
#define t_weir_check(...) T_AT((t_weir_check)(__VA_ARGS__))

/* Replaces the file it runs with (placeholders as above); a SIGHUP is the caller's. */
void t_weir_rewrite_config(struct t_weir *weir, const char *yaml, ...)
    __attribute__((format(printf, 2, 3)));
#define t_weir_rewrite_config(...) T_AT((t_weir_rewrite_config)(__VA_ARGS__))

/* Waits until TEXT is in its log (all of it; `…_next`: what came since the last such wait). */
void t_weir_await_log(struct t_weir *weir, const char *text);
void t_weir_await_next_log(struct t_weir *weir, const char *text);
#define t_weir_await_log(...) T_AT((t_weir_await_log)(__VA_ARGS__))
#define t_weir_await_next_log(...) T_AT((t_weir_await_next_log)(__VA_ARGS__))
char *t_weir_log(struct t_weir *weir);

void t_weir_signal(struct t_weir *weir, int signal);
#define t_weir_signal(...) T_AT((t_weir_signal)(__VA_ARGS__))

/* SIGTERM; fails unless it exits with 0 and without a sanitizer's report. */
void t_weir_stop(struct t_weir *weir);
#define t_weir_stop(...) T_AT((t_weir_stop)(__VA_ARGS__))

/* `t_weir_assert_no_leak` and `t_weir_stop`: how a promise test ends. */
void t_weir_end(struct t_weir *weir);
#define t_weir_end(...) T_AT((t_weir_end)(__VA_ARGS__))

#endif
