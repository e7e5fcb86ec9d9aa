/* weir as a process. */
#define T_HARNESS
#include "t_weir.h"

#include "t_internal.h"
#include "t_stats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 64 };

/* The words of the log line that says that all ports are open. */
#define READY "ready: listening"

static const char *weir_binary(void)
{
    const char *path = getenv("WEIR_BINARY");
    if (path && *path)
        return path;
#ifdef WEIR_BINARY
    return WEIR_BINARY;
#else
    t_fail("where is weir? Set the environment's WEIR_BINARY");
#endif
}

/* Reserves the ports. */
static void prepare(struct t_weir *weir)
{
    *weir = (struct t_weir){0};
    weir->port = (t_free_port)();
    weir->port2 = (t_free_port)();
    weir->admin_port = (t_free_port)();
}

static char *fill_in(const struct t_weir *weir, const char *text)
{
    char *result = t_replace(text, "@port@", t_text("%d", weir->port));
    result = t_replace(result, "@port2@", t_text("%d", weir->port2));
    result = t_replace(result, "@admin@", t_text("%d", weir->admin_port));
    return t_replace(result, "@dir@", t_dir());
}

/* vprintf into memory of the test. */
static char *vtext(const char *format, va_list args)
{
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    if (len < 0)
        abort();
    char *copy = t_copy(text, (size_t)len);
    free(text);
    return copy;
}

static void start_ready(struct t_weir *weir, const char *const *args)
{
    t_process_start(&weir->process, "weir", args, true, false);
    t_process_await(&weir->process, READY);
}

static void start_with_config(struct t_weir *weir, const char *yaml)
{
    weir->config = t_write_file("weir.yaml", fill_in(weir, yaml));
    const char *args[] = {weir_binary(), "run", "-c", weir->config, NULL};
    start_ready(weir, args);
}

void t_weir_start(struct t_weir *weir, const char *yaml, ...)
{
    va_list args;
    va_start(args, yaml);
    char *text = vtext(yaml, args);
    va_end(args);
    prepare(weir);
    start_with_config(weir, text);
}

void t_weir_start_to(struct t_weir *weir, int origin_port, const char *pool_yaml)
{
    prepare(weir);
    start_with_config(weir, t_text(T_WEIR_HEAD T_WEIR_LISTENER
                                   "pools:\n"
                                   "  legacy:\n"
                                   "    servers: [{address: \"127.0.0.1:%d\"}]\n"
                                   "%s",
                                   origin_port, pool_yaml ? pool_yaml : ""));
}

/* weir and the arguments from FIRST on, filled in. */
static void collect(const struct t_weir *weir, const char **args, const char *first, va_list more)
{
    size_t count = 0;
    args[count++] = weir_binary();
    for (const char *arg = first; arg && count < ARGS_MAX - 1; arg = va_arg(more, const char *))
        args[count++] = fill_in(weir, arg);
    args[count] = NULL;
}

void t_weir_start_args(struct t_weir *weir, const char *first, ...)
{
    const char *args[ARGS_MAX];
    va_list more;
    prepare(weir);
    va_start(more, first);
    collect(weir, args, first, more);
    va_end(more);
    start_ready(weir, args);
}

struct t_run t_weir_run(const char *first, ...)
{
    const char *args[ARGS_MAX];
    struct t_weir weir;
    va_list more;
    prepare(&weir);
    va_start(more, first);
    collect(&weir, args, first, more);
    va_end(more);
    return t_run_with(args, true);
}

struct t_run t_weir_check(const char *yaml)
{
    struct t_weir weir;
    prepare(&weir);
    weir.config = t_write_file("check.yaml", fill_in(&weir, yaml));
    const char *args[] = {weir_binary(), "check", "-c", weir.config, NULL};
    return t_run_with(args, true);
}

void t_weir_rewrite_config(struct t_weir *weir, const char *yaml, ...)
{
    va_list args;
    va_start(args, yaml);
    char *text = vtext(yaml, args);
    va_end(args);
    /* As an editor does it: the new file takes the name of the old one in one step. */
    char *fresh = t_write_file("weir.yaml.new", fill_in(weir, text));
    if (rename(fresh, weir->config) != 0)
        t_fail("cannot replace %s", weir->config);
}

void t_weir_await_log(struct t_weir *weir, const char *text)
{
    t_process_await(&weir->process, text);
}

void t_weir_await_next_log(struct t_weir *weir, const char *text)
{
    t_process_await_next(&weir->process, text);
}

char *t_weir_log(struct t_weir *weir)
{
    return t_process_err(&weir->process);
}

void t_weir_signal(struct t_weir *weir, int signal)
{
    t_process_signal(&weir->process, signal);
}

void t_weir_stop(struct t_weir *weir)
{
    t_process_stop(&weir->process);
}

void t_weir_end(struct t_weir *weir)
{
    t_weir_assert_no_leak(weir);
    t_process_stop(&weir->process);
}
