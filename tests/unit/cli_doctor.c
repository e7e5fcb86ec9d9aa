/* Each verdict of the doctor, from a table of what was read and what is needed. */
#include "cli/doctor_checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define K(number)                                                                                  \
    {                                                                                              \
        WEIR_READING_KNOWN, number                                                                 \
    }
#define UNREADABLE                                                                                 \
    {                                                                                              \
        WEIR_READING_UNREADABLE, 0                                                                 \
    }

typedef void check_fn(const struct weir_doctor_host *host, const struct weir_doctor_needs *needs,
                      struct weir_doctor_report *report);

struct row {
    struct weir_doctor_host host;
    struct weir_doctor_needs needs;
    enum weir_doctor_level level;
    const char *reason; /* is in it */
    const char *fix;    /* is in it; NULL: there is none */
};

/* NEEDS of the row, or none where it says nothing. */
static void run(check_fn *check, const struct row *rows, size_t n, bool with_needs)
{
    for (size_t i = 0; i < n; i++) {
        struct weir_doctor_report report = {.check = "the check"};
        check(&rows[i].host, with_needs ? &rows[i].needs : NULL, &report);
        cr_assert_eq(report.n_verdicts, 1, "row %zu: %zu verdicts", i, report.n_verdicts);
        const struct weir_verdict *verdict = &report.verdicts[0];
        cr_expect_eq(verdict->level, rows[i].level, "row %zu: %s: %s", i,
                     weir_doctor_level_name(verdict->level), verdict->reason);
        cr_expect(strstr(verdict->reason, rows[i].reason), "row %zu: `%s` is not in: %s", i,
                  rows[i].reason, verdict->reason);
        cr_expect(rows[i].fix ? strstr(verdict->fix, rows[i].fix) != NULL : !*verdict->fix,
                  "row %zu: `%s` is not in the fix: %s", i, rows[i].fix ? rows[i].fix : "nothing",
                  verdict->fix);
        cr_expect_str_eq(verdict->check, "the check");
        cr_expect_lt(strlen(verdict->reason), sizeof(verdict->reason) - 1, "row %zu is cut", i);
        weir_doctor_report_fini(&report);
    }
}

#define RUN(check, with_needs)                                                                     \
    run(weir_doctor_check_##check, rows, sizeof(rows) / sizeof(*rows), with_needs)

Test(cli_doctor, files)
{
    /* Of weir itself: 32 and, for each of 2 workers, 136 and a listening socket: 306. */
#define NEEDS(of_clients, of_servers)                                                              \
    .needs = {.workers = 2, .listening = 1, .clients = (of_clients), .upstream = (of_servers) }
    static const struct row rows[] = {
        {.level = WEIR_DOCTOR_OK, .reason = "is not there"},
        {{.files_hard = UNREADABLE}, .level = WEIR_DOCTOR_WARNING, .reason = "cannot be read"},
        {{.files_hard = K(UINT64_MAX)}, NEEDS(1, 1), .reason = "no limit"},
        {{.files_hard = K(1024)}, NEEDS(244, 256), .reason = "may need 806"},
        {{.files_hard = K(1024)},
         NEEDS(257, 256),
         WEIR_DOCTOR_WARNING,
         "819 may be needed",
         "LimitNOFILE=2048"},
        {{.files_hard = K(1024)},
         NEEDS(462, 256),
         WEIR_DOCTOR_WARNING,
         "1024 may be needed",
         "LimitNOFILE=2048"},
        {{.files_hard = K(1024)},
         NEEDS(463, 256),
         WEIR_DOCTOR_ERROR,
         "463 for clients, 562 for",
         "LimitNOFILE=2048"},
        {{.files_hard = K(1024), .nr_open = K(1500)},
         NEEDS(463, 256),
         WEIR_DOCTOR_ERROR,
         "1025 may be",
         "fs.nr_open=2048"},
        {{.files_hard = K(1024)},
         NEEDS(UINT64_MAX, UINT64_MAX),
         WEIR_DOCTOR_ERROR,
         "may be needed",
         "LimitNOFILE="},
        {{.files_hard = K(1024)},
         .needs = {.workers = 1, .unlimited_listener = "web", .listening = 1},
         WEIR_DOCTOR_WARNING,
         "`web` has no limit of connections: 855 clients",
         "limits: {connections: 639}"},
        {{.files_hard = K(1000000)},
         .needs = {.workers = 1, .unlimited_listener = "web", .listening = 1},
         WEIR_DOCTOR_OK,
         "169, and one a client",
         NULL},
        {{.files_hard = K(1000000)},
         .needs = {.workers = 1, .unlimited_pool = "p"},
         WEIR_DOCTOR_WARNING,
         "pool `p` has no limit",
         "{max: N}"},
    };
    RUN(files, true);
#undef NEEDS
}

Test(cli_doctor, files_without_a_configuration)
{
    static const struct row rows[] = {
        {{.files_hard = K(1024)}, .reason = "1024 open files are allowed"},
    };
    RUN(files, false);
}

Test(cli_doctor, system_files)
{
    static const struct row rows[] = {
        {.level = WEIR_DOCTOR_OK, .reason = "is not there"},
        {{.system_files = K(100), .system_files_max = K(1000)}, .reason = "100 of 1000"},
        {{.system_files = K(100), .system_files_max = K(1000)},
         .needs = {.workers = 1, .clients = 800},
         WEIR_DOCTOR_ERROR,
         "up to 1068",
         "fs.file-max=4096"},
    };
    RUN(system_files, true);
}

Test(cli_doctor, workers)
{
    static const struct row rows[] = {
        {{.cores = 2}, .reason = "2 cores are usable; `workers: auto` makes 2"},
        {{.cores = 8, .cpu_millis = K(1500)},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "`workers: auto` makes 8 workers, but the cgroup's quota (cpu.max) is 1.5",
         .fix = "workers: 2"},
        {{.cores = 8, .cpu_millis = K(8000)}, .reason = "within the cgroup's quota"},
        {{.cores = 8, .cpu_millis = K(2000)}, .needs = {.workers = 2}, .reason = "has 2 workers"},
        {{.cores = 8, .cpu_millis = K(2000)},
         .needs = {.workers = 3},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "has 3 workers",
         .fix = "workers: 2"},
        {{.cores = 2},
         .needs = {.workers = 3},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "2 cores are usable",
         .fix = "auto"},
    };
    RUN(workers, true);
}

Test(cli_doctor, somaxconn)
{
    static const struct row rows[] = {
        {.reason = "net.core.somaxconn is not there"},
        {{.somaxconn = UNREADABLE}, .level = WEIR_DOCTOR_WARNING, .reason = "cannot be read"},
        {{.somaxconn = K(128)},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "128 silently caps",
         .fix = "net.core.somaxconn=4096, then restart"},
        {{.somaxconn = K(4095)}, .level = WEIR_DOCTOR_WARNING, .reason = "4095", .fix = "4096"},
        {{.somaxconn = K(4096)}, .reason = "is granted"},
    };
    RUN(somaxconn, true);
}

Test(cli_doctor, max_syn_backlog)
{
    static const struct row rows[] = {
        {.reason = "is not there"},
        {{.max_syn_backlog = K(256)}, .reason = "without effect"},
        {{.max_syn_backlog = K(256), .syncookies = K(1)}, .reason = "without effect"},
        {{.max_syn_backlog = K(256), .syncookies = K(0)},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "256 bounds",
         .fix = "tcp_syncookies=1"},
        {{.max_syn_backlog = K(4096), .syncookies = K(0)}, .reason = "not less"},
    };
    RUN(max_syn_backlog, true);
}

Test(cli_doctor, syncookies)
{
    static const struct row rows[] = {
        {.reason = "is not there"},
        {{.syncookies = K(0)}, .level = WEIR_DOCTOR_WARNING, .reason = "flood", .fix = "=1"},
        {{.syncookies = K(1)}, .reason = "fallback"},
        {{.syncookies = K(2)}, .level = WEIR_DOCTOR_WARNING, .reason = "for tests", .fix = "=1"},
    };
    RUN(syncookies, true);
}

#define RANGE .port_first = K(32768), .port_last = K(60999)

/* 4 sources share the connections of the last. */
static struct weir_doctor_pair pairs[] = {
    {.address = "10.0.0.1:80", .pool = "p", .connections = 256},
    {.address = "10.0.0.2:80", .pool = "p", .connections = 28232},
    {.address = "10.0.0.3:80", .pool = "p", .connections = 28233},
    {.address = "10.0.0.4:80", .pool = "p", .is_unlimited = true},
    {.address = "10.0.0.5:80", .pool = "p", .connections = 232, .ends_with_fin = true},
    {.address = "127.0.0.1:80", .pool = "p", .is_loopback = true, .ends_with_fin = true},
    {.address = "10.0.0.6:80", .pool = "p", .connections = 40001, .sources = 4},
    {.address = "10.0.0.7:80", .pool = "p", .connections = 120000, .sources = 4},
};
#define PAIR(n) .needs = {.pairs = &pairs[n], .n_pairs = 1}

Test(cli_doctor, ports)
{
    static const struct row rows[] = {
        {PAIR(0), .reason = "ip_local_port_range is not there"},
        {{RANGE}, .reason = "no server is reached over TCP"},
        {{RANGE}, PAIR(0), .reason = "10.0.0.1:80: up to 256 of 28232 ports, 27976 left"},
        {{RANGE}, PAIR(1), WEIR_DOCTOR_WARNING, "up to 28232 of 28232", "{max: 14116}"},
        {{RANGE}, PAIR(2), WEIR_DOCTOR_ERROR, "no connection can be opened", "{max: 14116}"},
        {{RANGE}, PAIR(3), WEIR_DOCTOR_WARNING, "no limit", "{max: N}"},
        {{RANGE},
         PAIR(4),
         .reason = "28000 left; with `close: fin` an ended connection may hold its port for 60 s "
                   "more: that is 466 ended a second"},
        {{RANGE},
         PAIR(6),
         .reason = "up to 10001 of 28232 ports at each of 4 source addresses, 18231 left"},
        {{RANGE},
         PAIR(7),
         WEIR_DOCTOR_ERROR,
         "may open 30000 connections at each of 4",
         "{max: 56464}"},
        {{RANGE, .reserved_text = "80,32768-32775"}, PAIR(0), .reason = "256 of 28224 ports"},
        {{.port_first = K(60999), .port_last = K(32768)},
         PAIR(0),
         WEIR_DOCTOR_ERROR,
         "there are 0 ports",
         "max"},
    };
    RUN(ports, true);
}

Test(cli_doctor, every_server_has_a_line)
{
    static const struct weir_doctor_host host = {RANGE};
    struct weir_doctor_needs needs = {.pairs = pairs, .n_pairs = 5};
    struct weir_doctor_report report = {.check = "x"};
    weir_doctor_check_ports(&host, &needs, &report);
    cr_assert_eq(report.n_verdicts, 5);
    cr_assert_eq(weir_doctor_worst(&report), WEIR_DOCTOR_ERROR);
    weir_doctor_report_fini(&report);
}

Test(cli_doctor, ports_without_a_configuration)
{
    static const struct row rows[] = {
        {{RANGE}, .reason = "28232 connections at once from one address"},
    };
    RUN(ports, false);
}

Test(cli_doctor, listener_ports)
{
    static struct weir_doctor_port low[] = {{"web", 8080}}, high[] = {{"web", 32768}};
    static struct weir_doctor_port last[] = {{"admin", 60999}}, above[] = {{"web", 61000}};
#define PORTS(array) .needs = {.ports = (array), .n_ports = 1 }
    static const struct row rows[] = {
        {{RANGE}, PORTS(low), .reason = "none is"},
        {{RANGE}, PORTS(above), .reason = "none is"},
        {{RANGE}, PORTS(high), WEIR_DOCTOR_WARNING, "web: port 32768", "reserved_ports=\"32768\""},
        {{RANGE},
         PORTS(last),
         WEIR_DOCTOR_WARNING,
         "admin: port 60999",
         "reserved_ports=\"60999\""},
        {{RANGE, .reserved_text = "1,5-7"},
         PORTS(high),
         WEIR_DOCTOR_WARNING,
         "32768",
         "\"1,5-7,32768\""},
        {{RANGE, .reserved_text = "32768"}, PORTS(high), .reason = "none is"},
    };
    RUN(listener_ports, true);
}

Test(cli_doctor, max_tw_buckets)
{
    static const struct row rows[] = {
        {.reason = "is not there"},
        {{.max_tw_buckets = K(131072)},
         .reason = "room for 2184 clients' connections that weir closes a second"},
        {{.max_tw_buckets = K(131072)}, .reason = "connections to servers leave none"},
        {{.max_tw_buckets = K(131072)}, .needs = {.time_waits = 10}, .reason = "`close: fin`"},
        {{.max_tw_buckets = K(131072), .time_waits = K(120000)},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "120000 of 131072 are in use",
         .fix = "tcp_max_tw_buckets=262144"},
        {{.max_tw_buckets = K(5000)},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "5000",
         .fix = "tcp_max_tw_buckets=262144"},
        {{.max_tw_buckets = K(10000)},
         .needs = {.time_waits = 10001},
         .level = WEIR_DOCTOR_WARNING,
         .reason = "10000",
         .fix = "tcp_max_tw_buckets="},
    };
    RUN(max_tw_buckets, true);
}

Test(cli_doctor, tw_reuse)
{
    static const struct row rows[] = {
        {.reason = "is not there"},
        {{.tw_reuse = K(0)}, PAIR(0), .reason = "0: off"},
        {{.tw_reuse = K(2)}, PAIR(0), .reason = "for loopback only"},
        {{.tw_reuse = K(1)}, PAIR(4), .reason = "for all outgoing"},
        {{.tw_reuse = K(0)}, PAIR(4), WEIR_DOCTOR_WARNING, "10.0.0.5:80", "close: reset"},
        {{.tw_reuse = K(2)}, PAIR(4), WEIR_DOCTOR_WARNING, "for loopback only", "tcp_tw_reuse=1"},
        {{.tw_reuse = K(2)}, PAIR(5), .reason = "for loopback only"},
        {{.tw_reuse = K(0)}, PAIR(5), WEIR_DOCTOR_WARNING, "127.0.0.1:80", "close: reset"},
        {{.tw_reuse = K(1), .timestamps = K(0)},
         PAIR(0),
         WEIR_DOCTOR_WARNING,
         "without effect",
         "tcp_timestamps=1"},
    };
    RUN(tw_reuse, true);
}

Test(cli_doctor, tw_recycle)
{
    static const struct row rows[] = {
        {.reason = "removed in Linux 4.12"},
        {{.tw_recycle = K(0)}, .reason = "off"},
        {{.tw_recycle = K(1)},
         .level = WEIR_DOCTOR_ERROR,
         .reason = "NAT",
         .fix = "tcp_tw_recycle=0"},
        {{.tw_recycle = UNREADABLE}, .level = WEIR_DOCTOR_WARNING, .reason = "cannot be read"},
    };
    RUN(tw_recycle, true);
}

Test(cli_doctor, fin_timeout)
{
    static const struct row rows[] = {
        {.reason = "is not there"},
        {{.fin_timeout = K(60)}, .reason = "does not shorten TIME_WAIT"},
        {{.fin_timeout = K(5)}, .reason = "FIN_WAIT_2"},
        {{.fin_timeout = K(121)}, .level = WEIR_DOCTOR_WARNING, .reason = "121 s", .fix = "=60"},
    };
    RUN(fin_timeout, true);
}

Test(cli_doctor, conntrack)
{
#define TABLE(most, now)                                                                           \
    {                                                                                              \
        .conntrack_max = K(most), .conntrack_count = K(now)                                        \
    }
    static const struct row rows[] = {
        {.reason = "not tracked here"},
        {{.conntrack_max = UNREADABLE}, .level = WEIR_DOCTOR_WARNING, .reason = "cannot be read"},
        {TABLE(0, 9), .reason = "no limit"},
        {TABLE(1200, 100), .reason = "120 s: that is 10 new ones a second"},
        {{.conntrack_max = K(1200), .conntrack_time_wait = K(30)}, .reason = "that is 40 new"},
        {TABLE(1200, 899), .reason = "with 899 now"},
        {TABLE(1200, 900), .level = WEIR_DOCTOR_WARNING, .reason = "900 of 1200",
         .fix = "nf_conntrack_max=4800"},
        {TABLE(1200, 1140), .level = WEIR_DOCTOR_ERROR, .reason = "are dropped",
         .fix = "--notrack"},
        {TABLE(1200, 0), .needs = {.clients = 1000, .upstream = 200}, .reason = "holds 1200"},
        {TABLE(1200, 0), .needs = {.clients = 1000, .upstream = 201}, .level = WEIR_DOCTOR_WARNING,
         .reason = "1000 of clients and 201 to servers", .fix = "=4800"},
        {TABLE(1200, 0), .needs = {.clients = UINT64_MAX, .upstream = 1},
         .level = WEIR_DOCTOR_WARNING, .reason = "allows", .fix = "=4800"},
    };
    RUN(conntrack, true);
}

/* Writing replaces the list: who follows one piece of advice after the other has all in it. */
Test(cli_doctor, advice_on_listeners_adds_up)
{
    static struct weir_doctor_host host = {RANGE, .reserved_text = "7"};
    static struct weir_doctor_port ports[] = {{"a", 40000}, {"b", 80}, {"c", 40002}};
    struct weir_doctor_needs needs = {.ports = ports, .n_ports = 3};
    struct weir_doctor_report report = {.check = "x"};

    weir_doctor_check_listener_ports(&host, &needs, &report);
    cr_assert_eq(report.n_verdicts, 2);
    cr_expect(strstr(report.verdicts[0].fix, "\"7,40000\""), "%s", report.verdicts[0].fix);
    cr_expect(strstr(report.verdicts[1].fix, "\"7,40000,40002\""), "%s", report.verdicts[1].fix);
    weir_doctor_report_fini(&report);

    for (size_t i = 0; i < 600; i++)
        memcpy(host.reserved_text + 2 * i, "7,", 2);
    weir_doctor_check_listener_ports(&host, &needs, &report);
    cr_expect(
        strstr(report.verdicts[0].fix, "$(sysctl -n net.ipv4.ip_local_reserved_ports),40000"));
    weir_doctor_report_fini(&report);
}

/* With nothing read and with everything: each check has its say, and none is in the way. */
Test(cli_doctor, examines_all)
{
    static const struct weir_doctor_host nothing, host = {RANGE};
    struct weir_doctor_needs needs = {.pairs = pairs, .n_pairs = 1};
    struct weir_doctor_report report = {.verdicts = NULL};

    weir_doctor_examine(&nothing, NULL, &report);
    cr_expect_eq(weir_doctor_worst(&report), WEIR_DOCTOR_OK);
    weir_doctor_report_fini(&report);
    weir_doctor_examine(&host, &needs, &report);
    cr_expect_geq(report.n_verdicts, 13);
    weir_doctor_report_fini(&report);
}

static const char yaml[] =
    "workers: 3\n"
    "listeners:\n"
    "  web: {listen: [\":8080\", \"[::1]:8081\"], pool: a, limits: {connections: 100}}\n"
    "  more: {listen: \":8082\", pool: b}\n"
    "pools:\n"
    "  a: {servers: [{address: \"127.0.0.1:9001\"}, {address: \"Some.Host:80\"}],\n"
    "      connections: {max: 10}}\n"
    "  b: {servers: [{address: \"some.host:80\"}, {address: \"[fe80::1]:80\"}],\n"
    "      connections: {max: 7, close: fin}}\n"
    "  d: {servers: [{address: \"127.0.0.1:9001\"}, {address: \"x.test\", srv: true}],\n"
    "      connections: {max: 5, source: [10.0.0.1, 10.0.0.2, \"fe80::1\"]}}\n"
    "  c: {servers: [{address: \"[::1]:80\"}], connections: {max: 0}}\n";

Test(cli_doctor, needs_of_a_configuration)
{
    static const struct {
        const char *address, *pool;
        uint64_t connections;
        bool is_unlimited, is_loopback, ends_with_fin;
        uint64_t sources;
    } expected[] = {{"127.0.0.1:9001", "a", 10, false, true, false, 1},
                    {"some.host:80", "a", 17, false, false, true, 1},
                    {"[fe80::1]:80", "b", 7, false, false, true, 1},
                    {"127.0.0.1:9001", "d", 5, false, true, false, 2},
                    {"x.test", "d", 5, false, false, false, 1},
                    {"[::1]:80", "c", 0, true, true, false, 1}};
    struct weir_config *config = weir_config_load_text("x", yaml, sizeof(yaml) - 1, stderr);
    struct weir_doctor_needs needs;

    cr_assert_not_null(config);
    cr_assert(weir_doctor_needs_init(&needs, config));
    cr_expect_eq(needs.workers, 3);
    cr_expect_eq(needs.clients, 100);
    cr_expect_str_eq(needs.unlimited_listener, "more");
    cr_expect_str_eq(needs.unlimited_pool, "c");
    cr_expect_eq(needs.upstream, 44);
    cr_expect_str_eq(needs.name, "Some.Host:80");
    cr_expect_eq(needs.listening, 3);
    cr_expect_eq(needs.time_waits, 14);
    cr_assert_eq(needs.n_ports, 4);
    cr_expect_eq(needs.ports[1].port, 8081);
    cr_expect_str_eq(needs.ports[3].listener, "admin");
    cr_assert_eq(needs.n_pairs, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct weir_doctor_pair *pair = &needs.pairs[i];
        cr_expect(strcasecmp(pair->address, expected[i].address) == 0, "%s", pair->address);
        cr_expect_str_eq(pair->pool, expected[i].pool);
        cr_expect_eq(pair->connections, expected[i].connections);
        cr_expect_eq(pair->sources, expected[i].sources);
        cr_expect_eq(pair->is_unlimited, expected[i].is_unlimited);
        cr_expect_eq(pair->is_loopback, expected[i].is_loopback);
        cr_expect_eq(pair->ends_with_fin, expected[i].ends_with_fin);
    }
    weir_doctor_needs_fini(&needs);
    weir_config_unref(config);
}
