/* weir doctor holds a host's settings against a configuration, and its exit status tells. */
#include "support/t.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *root, *config;

/* A file of the host that is examined, with the directories it is in. */
static void put(const char *name, const char *text)
{
    char *path = t_text("%s%s", root, name);

    for (char *slash = path + strlen(root); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void make_host(void)
{
    root = t_path("host");
    mkdir(root, 0755);
    put("/proc/sys/net/core/somaxconn", "4096\n");
    put("/proc/sys/net/ipv4/tcp_max_tw_buckets", "131072\n");
    put("/proc/sys/net/ipv4/tcp_tw_reuse", "2\n");
    put("/proc/sys/net/ipv4/tcp_timestamps", "1\n");
    put("/proc/sys/net/ipv4/tcp_fin_timeout", "60\n");
    put("/proc/sys/net/ipv4/tcp_syncookies", "1\n");
    put("/proc/sys/net/ipv4/ip_local_port_range", "61000\t65535\n");
    put("/proc/sys/net/ipv4/ip_local_reserved_ports", "\n");
    put("/proc/sys/fs/file-nr", "1000\t0\t2466170\n");
    put("/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             1                    2                    processes \n"
        "Max open files            1024                 4096                 files     \n");
    put("/proc/net/sockstat", "sockets: used 77\nTCP: inuse 36 orphan 90 tw 28 alloc 545 mem 1\n");
    config = t_write_file("doctor.yaml",
                          "workers: 1\n"
                          "listeners: {web: {listen: \":61001\", pool: p, limits: {connections: "
                          "10}}}\n"
                          "pools: {p: {servers: [{address: \"127.0.0.1:9001\"}]}}\n");
}

static struct t_run examine(void)
{
    return t_weir_run("doctor", "--root", root, "-c", config, NULL);
}

Test(doctor_host, says_what_is_right)
{
    make_host();
    put("/proc/sys/net/ipv4/ip_local_reserved_ports", "61001\n");
    struct t_run run = examine();
    t_assert_text(run.err, "");
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, t_text("ok       configuration        %s\n", config));
    t_assert_contains(run.out,
                      "4096 open files are allowed here (hard limit); weir may need 435\n");
    t_assert_contains(run.out, "1000 of 2466170 files");
    t_assert_contains(run.out, "127.0.0.1:9001: up to 256 of 4535 ports, 4279 left\n");
    t_assert_contains(run.out, "nf_conntrack is not loaded");
    t_assert_contains(run.out, "removed in Linux 4.12");
    t_assert_contains(run.out, "\n14 ok, 0 warnings, 0 errors\n");
    t_assert_lacks(run.out, "fix:");
}

Test(doctor_host, says_what_is_wrong_and_how_to_mend_it)
{
    make_host();
    put("/proc/sys/net/core/somaxconn", "128\n");
    put("/proc/sys/net/ipv4/tcp_syncookies", "what\n");
    struct t_run run = examine();
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, "warning  somaxconn            128 silently caps");
    t_assert_contains(run.out, "fix: sysctl -w net.core.somaxconn=4096");
    t_assert_contains(run.out, "fix: sysctl -w net.ipv4.ip_local_reserved_ports=\"61001\"");
    t_assert_contains(run.out, "warning  tcp_syncookies       net.ipv4.tcp_syncookies cannot");
    t_assert_contains(run.out, "\n11 ok, 3 warnings, 0 errors\n");

    put("/proc/sys/net/ipv4/tcp_tw_recycle", "1\n");
    put("/proc/sys/net/netfilter/nf_conntrack_max", "1000\n");
    put("/proc/sys/net/netfilter/nf_conntrack_count", "999\n");
    run = examine();
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.out, "error    tcp_tw_recycle       1: ");
    t_assert_contains(run.out, "error    conntrack            999 of 1000 ");
    t_assert_text(run.err, "");
}

Test(doctor_host, cgroup)
{
    make_host();
    put("/proc/self/cgroup", "1:name=x:/other\n0::/system.slice/weir.service\n");
    put("/sys/fs/cgroup/system.slice/weir.service/cpu.max", "50000 100000\n");
    config = t_write_file("doctor.yaml",
                          "workers: 2\n"
                          "listeners: {web: {listen: \":8080\", pool: p}}\n"
                          "pools: {p: {servers: [{address: \"127.0.0.1:9001\"}]}}\n");
    t_assert_contains(examine().out,
                      "has 2 workers, but the cgroup's quota (cpu.max) is 0.5 cores");
    put("/sys/fs/cgroup/system.slice/weir.service/cpu.max", "max 100000\n");
    t_assert_lacks(examine().out, "quota");
}

Test(doctor_host, json)
{
    make_host();
    struct t_run run = t_weir_run("doctor", "--json", "--root", root, "-c", config, NULL);
    t_assert_number("exit status", run.status, 0);
    json_t *json = json_loads(run.out, 0, NULL);
    cr_assert_not_null(json, "%s", run.out);
    cr_assert_str_eq(json_string_value(json_object_get(json, "configuration")), config);
    cr_assert_eq(json_integer_value(json_object_get(json, "warnings")), 1);
    json_t *checks = json_object_get(json, "checks"), *check;
    cr_assert_eq(json_array_size(checks), 14);
    for (size_t i = 0; i < json_array_size(checks); i++) {
        check = json_array_get(checks, i);
        bool is_ok = strcmp(json_string_value(json_object_get(check, "level")), "ok") == 0;
        cr_assert(json_is_string(json_object_get(check, "reason")));
        cr_assert_eq(json_is_string(json_object_get(check, "fix")), !is_ok);
    }
    json_decref(json);
}

Test(doctor_host, a_configuration_that_cannot_be_used_is_an_error)
{
    make_host();
    config = t_write_file("doctor.yaml", "listners: {}\n");
    struct t_run run = examine();
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "doctor.yaml:1:1: ");
    t_assert_contains(run.out, "error    configuration ");
    t_assert_contains(run.out, "somaxconn            4096");
    run = t_weir_run("doctor", "--root", root, "-c", "/nowhere.yaml", NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "/nowhere.yaml");
}

/* On this very host, whatever it is like. */
Test(doctor_host, without_a_configuration_the_host_is_checked)
{
    if (access("/etc/weir/weir.yaml", F_OK) == 0)
        cr_skip_test("there is a configuration");
    struct t_run run = t_weir_run("doctor", NULL);
    t_assert_text(run.err, "");
    t_assert_contains(run.out, "warning  configuration        there is no /etc/weir/weir.yaml");
    t_assert_contains(run.out, "somaxconn ");
    t_assert_lacks(run.out, "listeners' ports");
}

/* A container may have next to nothing. */
Test(doctor_host, nothing_to_read)
{
    root = t_path("empty");
    struct t_run run = t_weir_run("doctor", "--root", root, NULL);
    t_assert_text(run.err, "");
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, "net.core.somaxconn is not there");
    t_assert_contains(run.out, "the limit of open files is not there");
}

Test(doctor_host, wrong_usage)
{
    t_assert_number("exit status", t_weir_run("doctor", "now", NULL).status, 2);
    t_assert_number("exit status", t_weir_run("doctor", "-c", NULL).status, 2);
    t_assert_contains(t_weir_run("doctor", "--fix", NULL).err, "`--fix`");
    t_assert_contains(t_weir_run("doctor", "--help", NULL).out, "-c, --config FILE");
}
