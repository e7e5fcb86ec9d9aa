/* Limits of files, workers, and what waits in front of a listener. Sources: proc(5), getrlimit(2),
 * listen(2), tcp(7), the kernel's Documentation/networking/ip-sysctl.rst and
 * Documentation/admin-guide/cgroup-v2.rst. */
#include "doctor_checks.h"

#include "weir/net/acceptor.h"
#include "weir/net/pipe.h"

#include <inttypes.h>

/* Descriptors beside connections: of each worker's loop and pipes, and of weir itself. */
enum { WORKER_FILES = 8 + 2 * WEIR_PIPES_MAX, OWN_FILES = 32 };
/* Where clients have no limit, room for so many is taken for enough. */
enum { CLIENTS_AMPLE = 50000 };

#define N "%" PRIu64
#define SAY(level, ...) weir_doctor_say(report, WEIR_DOCTOR_##level, __VA_ARGS__)
#define FIX(...) weir_doctor_fix(report, __VA_ARGS__)

static bool is_known(const struct weir_reading *reading)
{
    return reading->state == WEIR_READING_KNOWN;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* To a power of two: a limit is no measurement. */
static uint64_t round_up(uint64_t n)
{
    uint64_t rounded = 1024;

    while (rounded < n && rounded < UINT64_MAX / 2)
        rounded *= 2;
    return rounded;
}

static uint64_t workers_of(const struct weir_doctor_host *host,
                           const struct weir_doctor_needs *needs)
{
    return needs->workers ? needs->workers : host->cores ? host->cores : 1;
}

/* What weir opens beside its clients' connections. */
static uint64_t files_of_weir(const struct weir_doctor_host *host,
                              const struct weir_doctor_needs *needs)
{
    return add(needs->upstream,
               OWN_FILES + workers_of(host, needs) * (WORKER_FILES + needs->listening));
}

static void fix_files(const struct weir_doctor_host *host, uint64_t wanted,
                      struct weir_doctor_report *report)
{
    if (is_known(&host->nr_open) && host->nr_open.value < wanted)
        FIX("sysctl -w fs.nr_open=" N " (no limit can be above it), then LimitNOFILE=" N
            " in weir's systemd unit, or ulimit -Hn " N " as root in the shell that starts it; or "
            "lower limits in the configuration",
            wanted, wanted, wanted);
    else
        FIX("LimitNOFILE=" N " in weir's systemd unit, or ulimit -Hn " N
            " as root in the shell that starts it; or lower limits in the configuration",
            wanted, wanted);
}

void weir_doctor_check_files(const struct weir_doctor_host *host,
                             const struct weir_doctor_needs *needs,
                             struct weir_doctor_report *report)
{
    uint64_t limit = host->files_hard.value, own, all;

    if (weir_doctor_is_unknown(report, &host->files_hard, "the limit of open files"))
        return;
    if (limit == UINT64_MAX) {
        SAY(OK, "open files have no limit");
        return;
    }
    if (!needs) {
        SAY(OK, N " open files are allowed here (hard limit, to which weir raises its own)", limit);
        return;
    }
    own = files_of_weir(host, needs);
    all = add(own, needs->clients);
    if (all > limit) {
        SAY(ERROR,
            N " open files are allowed here (hard limit), and " N " may be needed: " N
              " for clients, " N " for servers and weir itself",
            limit, all, needs->clients, own);
        fix_files(host, round_up(all), report);
    } else if (needs->unlimited_pool) {
        SAY(WARNING, "pool `%s` has no limit of connections, so open files (" N ") can run out",
            needs->unlimited_pool, limit);
        FIX("connections: {max: N} in that pool: as many requests as a server works on at once");
    } else if (needs->unlimited_listener && limit - all < CLIENTS_AMPLE) {
        SAY(WARNING,
            N " open files are allowed here (hard limit), and listener `%s` has no limit of "
              "connections: " N " clients use them up, and then servers cannot be reached either",
            limit, needs->unlimited_listener, limit - all);
        FIX("limits: {connections: " N "} in that listener; and for more, LimitNOFILE=" N
            " in weir's systemd unit",
            (limit - all) / 4 * 3, round_up(own + CLIENTS_AMPLE));
    } else if (all > limit / 10 * 8) {
        SAY(WARNING, N " open files are allowed here (hard limit), and " N " may be needed", limit,
            all);
        fix_files(host, round_up(add(all, all)), report);
    } else {
        SAY(OK, N " open files are allowed here (hard limit); weir may need " N "%s%s", limit, all,
            needs->unlimited_listener ? ", and one a client" : "",
            needs->name ? ", with one address for each server's name" : "");
    }
}

void weir_doctor_check_system_files(const struct weir_doctor_host *host,
                                    const struct weir_doctor_needs *needs,
                                    struct weir_doctor_report *report)
{
    uint64_t max = host->system_files_max.value, used = host->system_files.value, all;

    if (weir_doctor_is_unknown(report, &host->system_files_max, "fs.file-nr"))
        return;
    all = needs ? add(add(files_of_weir(host, needs), needs->clients), used) : used;
    if (all < max / 10 * 9) {
        SAY(OK, N " of " N " files are open on the whole system%s", used, max,
            needs ? ", with room for weir's" : "");
        return;
    }
    SAY(ERROR, "the system allows " N " open files, has " N ", and would have up to " N, max, used,
        all);
    FIX("sysctl -w fs.file-max=" N, round_up(add(all, all)));
}

void weir_doctor_check_workers(const struct weir_doctor_host *host,
                               const struct weir_doctor_needs *needs,
                               struct weir_doctor_report *report)
{
    uint64_t workers = needs ? workers_of(host, needs) : host->cores;
    uint64_t allowed = (host->cpu_millis.value + 999) / 1000;

    if (is_known(&host->cpu_millis) && workers > allowed) {
        SAY(WARNING,
            "%s " N " workers, but the cgroup's quota (cpu.max) is " N "." N
            " cores: all of them stop together when it is used up",
            needs && needs->workers ? "the configuration has" : "`workers: auto` makes", workers,
            host->cpu_millis.value / 1000, host->cpu_millis.value % 1000 / 100);
        FIX("workers: " N " in the configuration", allowed);
    } else if (host->cores && workers > host->cores) {
        SAY(WARNING, "the configuration has " N " workers, and %u cores are usable", workers,
            host->cores);
        FIX("workers: auto in the configuration");
    } else {
        SAY(OK, "%u cores are usable%s; %s " N " workers", host->cores,
            is_known(&host->cpu_millis) ? " within the cgroup's quota" : "",
            needs && needs->workers ? "the configuration has" : "`workers: auto` makes", workers);
    }
}

void weir_doctor_check_somaxconn(const struct weir_doctor_host *host,
                                 const struct weir_doctor_needs *needs,
                                 struct weir_doctor_report *report)
{
    uint64_t value = host->somaxconn.value;

    (void)needs;
    if (weir_doctor_is_unknown(report, &host->somaxconn, "net.core.somaxconn"))
        return;
    if (value >= WEIR_ACCEPTOR_BACKLOG) {
        SAY(OK, N ": weir's backlog of %d, for each worker and address, is granted", value,
            WEIR_ACCEPTOR_BACKLOG);
        return;
    }
    SAY(WARNING,
        N " silently caps weir's backlog of %d for each worker and address: in a burst, "
          "connections beyond it are dropped, and clients try again a second or more later",
        value, WEIR_ACCEPTOR_BACKLOG);
    FIX("sysctl -w net.core.somaxconn=%d, then restart weir (the cap is taken at listen)",
        WEIR_ACCEPTOR_BACKLOG);
}

void weir_doctor_check_max_syn_backlog(const struct weir_doctor_host *host,
                                       const struct weir_doctor_needs *needs,
                                       struct weir_doctor_report *report)
{
    uint64_t value = host->max_syn_backlog.value;
    bool has_cookies = !is_known(&host->syncookies) || host->syncookies.value != 0;

    (void)needs;
    if (weir_doctor_is_unknown(report, &host->max_syn_backlog, "net.ipv4.tcp_max_syn_backlog"))
        return;
    if (has_cookies || value >= WEIR_ACCEPTOR_BACKLOG) {
        SAY(OK, N "%s", value,
            has_cookies ? ", without effect while tcp_syncookies is on (listen(2))"
                        : ": not less than weir's backlog");
        return;
    }
    SAY(WARNING,
        N " bounds handshakes in progress per listener, since tcp_syncookies is off; weir's "
          "backlog is %d",
        value, WEIR_ACCEPTOR_BACKLOG);
    FIX("sysctl -w net.ipv4.tcp_syncookies=1, or sysctl -w net.ipv4.tcp_max_syn_backlog=%d",
        WEIR_ACCEPTOR_BACKLOG);
}

void weir_doctor_check_syncookies(const struct weir_doctor_host *host,
                                  const struct weir_doctor_needs *needs,
                                  struct weir_doctor_report *report)
{
    (void)needs;
    if (weir_doctor_is_unknown(report, &host->syncookies, "net.ipv4.tcp_syncookies"))
        return;
    if (host->syncookies.value == 1) {
        SAY(OK, "1: cookies are sent when a queue of handshakes overflows; a fallback against "
                "floods, no means against honest load");
        return;
    }
    if (host->syncookies.value == 0)
        SAY(WARNING, "0: a flood of SYNs fills the queue of handshakes and keeps clients out");
    else
        SAY(WARNING,
            N ": cookies are sent for every connection, also without need: TCP options are lost "
              "or limited to what fits a timestamp; a setting for tests",
            host->syncookies.value);
    FIX("sysctl -w net.ipv4.tcp_syncookies=1");
}
