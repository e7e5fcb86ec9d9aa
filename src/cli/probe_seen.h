/* What a probe sees of a server, and what follows from it. The deduction is pure. */
#ifndef WEIR_CLI_PROBE_SEEN_H
#define WEIR_CLI_PROBE_SEEN_H

#include "probe_conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_PROBE_KEPT = 4, WEIR_PROBE_FRESH = 2 };

/* How the requests on one connection ended. */
enum weir_probe_end {
    WEIR_PROBE_END_NONE,      /* it was still open */
    WEIR_PROBE_END_ANNOUNCED, /* with an answer that says so, by Connection, version or framing */
    WEIR_PROBE_END_FIN,       /* without a word */
    WEIR_PROBE_END_RESET,
    WEIR_PROBE_END_SILENT, /* the next one got no answer */
};

/* Did a request get its answer while other connections were open and idle? */
enum weir_probe_beside {
    WEIR_PROBE_BESIDE_UNTRIED,
    WEIR_PROBE_BESIDE_ANSWERED,
    WEIR_PROBE_BESIDE_AFTER, /* once so many were closed that `workers` - 1 were left */
    WEIR_PROBE_BESIDE_NEVER,
    WEIR_PROBE_BESIDE_LATE, /* not while they were open; then the probe's time was up */
};

struct weir_probe_company {
    enum weir_probe_beside beside;
    unsigned idle; /* connections beside it */
    unsigned workers;
};

/* An idle connection that was watched. */
struct weir_probe_idle {
    enum weir_probe_end end; /* NONE, FIN or RESET */
    uint64_t ms;             /* it had been idle for so long then */
    bool has_talked;         /* bytes came that nobody asked for */
    unsigned talked_status;  /* if they were an answer */
};

enum weir_probe_head {
    WEIR_PROBE_HEAD_UNTRIED,
    WEIR_PROBE_HEAD_FINE,
    WEIR_PROBE_HEAD_UNLIKE, /* another status than for GET */
    WEIR_PROBE_HEAD_BODY,   /* a body behind it */
    WEIR_PROBE_HEAD_FAILED,
};

enum weir_probe_continue {
    WEIR_PROBE_CONTINUE_UNTRIED,
    WEIR_PROBE_CONTINUE_SENT,
    WEIR_PROBE_CONTINUE_FINAL,   /* an answer, before the body came */
    WEIR_PROBE_CONTINUE_IGNORED, /* nothing until the body came */
    WEIR_PROBE_CONTINUE_FAILED,
};

struct weir_probe_seen {
    const char *tls; /* of the pool section; NULL: plain */
    char address[300];
    bool is_unix; /* the address is a Unix socket */
    char path[256];
    unsigned n_connects;
    uint64_t connect_us_min, connect_us_median, connect_us_max;
    struct weir_probe_answer first;
    unsigned requests, requests_max; /* answered on one connection, and how many were to be */
    enum weir_probe_end requests_end;
    bool has_left;                               /* bytes behind an answer */
    uint64_t announced_ms;                       /* by Keep-Alive; 0: not */
    uint64_t announced_requests;                 /* on one connection; 0: not */
    bool is_announced_if_asked;                  /* only to those who say Connection: keep-alive */
    struct weir_probe_company ahead, ahead_many; /* opened, nothing sent */
    struct weir_probe_company kept;              /* idle after an answer */
    enum weir_probe_head head;
    unsigned head_status;
    enum weir_probe_continue continues;
    unsigned continue_status;
    struct weir_probe_idle idle[WEIR_PROBE_KEPT];   /* after an answer */
    struct weir_probe_idle fresh[WEIR_PROBE_FRESH]; /* nothing was sent on them */
    unsigned n_idle, n_fresh;
    uint64_t watched_ms; /* those that did not end */
};

struct weir_probe_finding {
    const char *name;
    char text[400];
};

/* One line of the pool section. */
struct weir_probe_setting {
    const char *section, *key;
    char value[WEIR_ADDRESS_TEXT_MAX];
    char reason[240];
};

enum { WEIR_PROBE_FINDINGS_MAX = 16, WEIR_PROBE_SETTINGS_MAX = 12 };

struct weir_probe_report {
    struct weir_probe_finding findings[WEIR_PROBE_FINDINGS_MAX];
    size_t n_findings;
    struct weir_probe_setting settings[WEIR_PROBE_SETTINGS_MAX];
    size_t n_settings;
};

/* SEEN: the first request was answered. */
void weir_probe_find(const struct weir_probe_seen *seen, struct weir_probe_report *report);
void weir_probe_set(const struct weir_probe_seen *seen, struct weir_probe_report *report);

/* Less than the server allows by a tenth, at most by a second: in that time a request that goes out
 * is still in time. Units: milliseconds. */
uint64_t weir_probe_margin(uint64_t ms);

/* The server keeps connections, as far as was seen. */
bool weir_probe_keeps(const struct weir_probe_seen *seen);

/* For how long it lets a connection idle after an answer, seen or announced; 0: not known. */
uint64_t weir_probe_idle_ms(const struct weir_probe_seen *seen);

/* How many requests it takes on a connection, seen or announced; 0: not known. */
uint64_t weir_probe_requests(const struct weir_probe_seen *seen);

/* How many connections it serves at once, where idle ones are in its way; 0: they are not. */
unsigned weir_probe_workers(const struct weir_probe_seen *seen);

#endif
