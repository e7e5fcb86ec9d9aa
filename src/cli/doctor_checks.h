/* The doctor's checks: what was read of a host, held against what a configuration will need. Pure:
 * no I/O, so that every verdict can be had from a table. */
#ifndef WEIR_CLI_DOCTOR_CHECKS_H
#define WEIR_CLI_DOCTOR_CHECKS_H

#include "weir/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ABSENT: this kernel, or this container, has no such file. UNREADABLE: it is there, but may not be
 * read or is no number. */
enum weir_reading_state { WEIR_READING_ABSENT, WEIR_READING_UNREADABLE, WEIR_READING_KNOWN };

struct weir_reading {
    enum weir_reading_state state;
    uint64_t value;
};

/* Settings that are one number: field, and name as sysctl(8) has it. */
#define WEIR_DOCTOR_SYSCTLS(X)                                                                     \
    X(nr_open, "fs.nr_open")                                                                       \
    X(somaxconn, "net.core.somaxconn")                                                             \
    X(max_tw_buckets, "net.ipv4.tcp_max_tw_buckets")                                               \
    X(tw_reuse, "net.ipv4.tcp_tw_reuse")                                                           \
    X(tw_recycle, "net.ipv4.tcp_tw_recycle")                                                       \
    X(timestamps, "net.ipv4.tcp_timestamps")                                                       \
    X(fin_timeout, "net.ipv4.tcp_fin_timeout")                                                     \
    X(syncookies, "net.ipv4.tcp_syncookies")                                                       \
    X(max_syn_backlog, "net.ipv4.tcp_max_syn_backlog")                                             \
    X(conntrack_max, "net.netfilter.nf_conntrack_max")                                             \
    X(conntrack_count, "net.netfilter.nf_conntrack_count")                                         \
    X(conntrack_time_wait, "net.netfilter.nf_conntrack_tcp_timeout_time_wait")

/* What was read. All zero: nothing is there. */
struct weir_doctor_host {
#define WEIR_DOCTOR_FIELD(field, name) struct weir_reading field;
    WEIR_DOCTOR_SYSCTLS(WEIR_DOCTOR_FIELD)
#undef WEIR_DOCTOR_FIELD
    struct weir_reading files_hard;                     /* RLIMIT_NOFILE; UINT64_MAX is unlimited */
    struct weir_reading system_files, system_files_max; /* fs.file-nr */
    struct weir_reading port_first, port_last;          /* net.ipv4.ip_local_port_range */
    struct weir_reading time_waits;                     /* now, of this network namespace */
    struct weir_reading cpu_millis; /* thousandths of a core that a cgroup allows */
    unsigned cores;                 /* usable; what `workers: auto` goes by */
    char reserved_text[4096];       /* net.ipv4.ip_local_reserved_ports */
};

/* A server: each of its (source, server) pairs has all the ephemeral ports to itself. */
struct weir_doctor_pair {
    char address[WEIR_ADDRESS_TEXT_MAX + 160]; /* the server's, as the configuration has it */
    const char *pool;                          /* the first that has it */
    uint64_t connections;                      /* at most, over all its pools */
    const struct weir_config_pool *owner;      /* of the source addresses; they are alike in all */
    uint64_t sources;  /* how many it is reached from, in turn; at least 1 */
    bool is_unlimited; /* one of them has no `connections.max` */
    bool is_loopback;
    bool ends_with_fin; /* one of its pools says `close: fin` */
};

struct weir_doctor_port {
    const char *listener;
    uint16_t port;
};

/* What a configuration will need. Points into it. */
struct weir_doctor_needs {
    uint64_t workers;               /* 0: auto */
    uint64_t clients;               /* at once, of the listeners that have a limit */
    const char *unlimited_listener; /* the first without a limit, or NULL */
    uint64_t upstream;              /* connections to all servers, Unix sockets included */
    const char *name;               /* the first server whose addresses a resolver tells, or NULL */
    const char *unlimited_pool;     /* the first without a limit, or NULL */
    uint64_t listening;             /* addresses, each of which every worker listens on */
    uint64_t time_waits;            /* upstream connections whose end may leave TIME_WAIT here */
    struct weir_doctor_pair *pairs;
    size_t n_pairs;
    struct weir_doctor_port *ports;
    size_t n_ports;
};

/* Fails: false, out of memory. weir_doctor_needs_fini is due either way. */
bool weir_doctor_needs_init(struct weir_doctor_needs *needs, const struct weir_config *config);
void weir_doctor_needs_fini(struct weir_doctor_needs *needs);

#define WEIR_DOCTOR_LEVELS(X)                                                                      \
    X(OK, "ok")                                                                                    \
    X(WARNING, "warning")                                                                          \
    X(ERROR, "error")

enum weir_doctor_level {
#define WEIR_DOCTOR_LEVEL(name, text) WEIR_DOCTOR_##name,
    WEIR_DOCTOR_LEVELS(WEIR_DOCTOR_LEVEL)
#undef WEIR_DOCTOR_LEVEL
        WEIR_DOCTOR_LEVEL_COUNT
};

const char *weir_doctor_level_name(enum weir_doctor_level level);

struct weir_verdict {
    enum weir_doctor_level level;
    const char *check;
    char reason[560];
    char fix[600]; /* empty where there is nothing to do */
};

struct weir_doctor_report {
    struct weir_verdict *verdicts;
    size_t n_verdicts, size;
    const char *check; /* of the verdicts that are being added */
    bool has_failed;   /* out of memory, sticky */
};

/* One row a check: its name in the output, its function. In the order of the output. */
#define WEIR_DOCTOR_CHECKS(X)                                                                      \
    X("files", files)                                                                              \
    X("system files", system_files)                                                                \
    X("workers", workers)                                                                          \
    X("somaxconn", somaxconn)                                                                      \
    X("tcp_max_syn_backlog", max_syn_backlog)                                                      \
    X("tcp_syncookies", syncookies)                                                                \
    X("ephemeral ports", ports)                                                                    \
    X("listeners' ports", listener_ports)                                                          \
    X("tcp_max_tw_buckets", max_tw_buckets)                                                        \
    X("tcp_tw_reuse", tw_reuse)                                                                    \
    X("tcp_tw_recycle", tw_recycle)                                                                \
    X("tcp_fin_timeout", fin_timeout)                                                              \
    X("conntrack", conntrack)

/* NEEDS: NULL when there is no configuration. Each adds one verdict or several. */
#define WEIR_DOCTOR_CHECK(name, function)                                                          \
    void weir_doctor_check_##function(const struct weir_doctor_host *host,                         \
                                      const struct weir_doctor_needs *needs,                       \
                                      struct weir_doctor_report *report);
WEIR_DOCTOR_CHECKS(WEIR_DOCTOR_CHECK)
#undef WEIR_DOCTOR_CHECK

/* All of them. */
void weir_doctor_examine(const struct weir_doctor_host *host, const struct weir_doctor_needs *needs,
                         struct weir_doctor_report *report);

/* A verdict, and how to mend what the last one says. */
void weir_doctor_say(struct weir_doctor_report *report, enum weir_doctor_level level,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));
void weir_doctor_fix(struct weir_doctor_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The verdict on a setting that was not read; false when it was. */
bool weir_doctor_is_unknown(struct weir_doctor_report *report, const struct weir_reading *reading,
                            const char *name);

/* The gravest of all; OK when there are none. */
enum weir_doctor_level weir_doctor_worst(const struct weir_doctor_report *report);
void weir_doctor_report_fini(struct weir_doctor_report *report);

#endif
