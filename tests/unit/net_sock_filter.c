#include "weir/net/sock_filter.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/inet_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- What the kernel does with a program: net/ipv4/inet_diag.c, told again. ---- */

static struct inet_diag_bc_op operation_at(const uint8_t *program, size_t at)
{
    struct inet_diag_bc_op operation;
    memcpy(&operation, program + at, sizeof(operation));
    return operation;
}

static size_t size_of(const uint8_t *program, size_t at)
{
    struct inet_diag_hostcond condition;

    switch (operation_at(program, at).code) {
    case INET_DIAG_BC_JMP:
        return 4;
    case INET_DIAG_BC_S_GE:
    case INET_DIAG_BC_S_LE:
    case INET_DIAG_BC_D_GE:
    case INET_DIAG_BC_D_LE:
        return 8;
    case INET_DIAG_BC_D_COND:
        memcpy(&condition, program + at + 4, sizeof(condition));
        cr_assert(condition.prefix_len == (condition.family == AF_INET ? 32 : 128));
        return 12 + condition.prefix_len / 8u;
    default:
        cr_assert_fail("an operation that is not used: %u", operation_at(program, at).code);
    }
    return 0;
}

/* inet_diag_bc_audit and valid_cc. */
static void audit(const uint8_t *program, size_t len)
{
    static bool starts[WEIR_FILTER_BYTES_MAX + 4];
    size_t at = 0;

    cr_assert(len >= 4 && len % 4 == 0 && len <= WEIR_FILTER_BYTES_MAX);
    memset(starts, 0, sizeof(starts));
    for (at = 0; at < len; at += operation_at(program, at).yes) {
        starts[at] = true;
        cr_assert(operation_at(program, at).yes >= 4);
    }
    cr_assert_eq(at, len);
    for (at = 0; at < len; at += operation_at(program, at).yes) {
        struct inet_diag_bc_op operation = operation_at(program, at);
        size_t size = size_of(program, at), left = len - at;
        cr_assert_eq(operation.yes, size);
        cr_assert(operation.no >= size && operation.no <= left + 4 && operation.no % 4 == 0,
                  "at %zu of %zu: no %u", at, len, operation.no);
        cr_assert(operation.no >= left || starts[at + operation.no]);
    }
}

struct entry {
    bool is_ipv6; /* a socket */
    struct weir_sock_end local, remote;
};

static bool matches(const struct entry *entry, const uint8_t *operation)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct inet_diag_hostcond condition;
    bool is_mapped = memcmp(entry->remote.host, mapped, sizeof(mapped)) == 0;

    memcpy(&condition, operation + 4, sizeof(condition));
    if (condition.port != entry->remote.port)
        return false;
    if (condition.family == AF_INET)
        return (!entry->is_ipv6 || is_mapped) &&
               memcmp(operation + 12, entry->remote.host + 12, 4) == 0;
    return entry->is_ipv6 && memcmp(operation + 12, entry->remote.host, 16) == 0;
}

/* inet_diag_bc_run. *STEPS counts operations. */
static bool accepts(const uint8_t *program, size_t len, const struct entry *entry, size_t *steps)
{
    long left = (long)len;

    for (*steps = 0; left > 0; (*steps)++) {
        const uint8_t *at = program + (len - (size_t)left);
        struct inet_diag_bc_op operation = operation_at(at, 0);
        uint16_t operand = operation.code == INET_DIAG_BC_JMP ? 0 : operation_at(at, 4).no;
        uint16_t port = operation.code == INET_DIAG_BC_S_GE || operation.code == INET_DIAG_BC_S_LE
                            ? entry->local.port
                            : entry->remote.port;
        bool yes = false;
        if (operation.code == INET_DIAG_BC_S_GE || operation.code == INET_DIAG_BC_D_GE)
            yes = port >= operand;
        else if (operation.code == INET_DIAG_BC_S_LE || operation.code == INET_DIAG_BC_D_LE)
            yes = port <= operand;
        else if (operation.code == INET_DIAG_BC_D_COND)
            yes = matches(entry, at);
        left -= yes ? operation.yes : operation.no;
    }
    return left == 0;
}

/* ---- */

static uint8_t program[WEIR_FILTER_BYTES_MAX];
static struct weir_sock_filter filter;

static struct weir_sock_end end_of(const char *host, uint16_t port)
{
    struct weir_sock_end end = {.host = {[10] = 0xff, [11] = 0xff}, .port = port};

    if (inet_pton(AF_INET, host, end.host + 12) != 1)
        cr_assert_eq(inet_pton(AF_INET6, host, end.host), 1);
    return end;
}

static bool lets_through(bool is_ipv6, const char *local, uint16_t local_port, const char *remote,
                         uint16_t remote_port)
{
    const struct entry entry = {is_ipv6, end_of(local, local_port), end_of(remote, remote_port)};
    size_t steps, len = weir_sock_filter_write(&filter, program);

    audit(program, len);
    return accepts(program, len, &entry, &steps);
}

Test(net_sock_filter, empty_it_lets_nothing_through)
{
    cr_assert_not(lets_through(false, "127.0.0.1", 80, "127.0.0.1", 80));
    cr_assert_not(lets_through(true, "::1", 0, "::1", 0));
}

Test(net_sock_filter, local_ports_whatever_the_address)
{
    weir_sock_filter_add_local(&filter, 80);
    weir_sock_filter_add_local(&filter, 443);
    weir_sock_filter_add_local(&filter, 443);
    cr_assert(lets_through(false, "10.0.0.1", 80, "10.0.0.2", 4000));
    cr_assert(lets_through(true, "2001:db8::1", 443, "::1", 0));
    cr_assert_not(lets_through(false, "10.0.0.1", 81, "10.0.0.2", 443));
    cr_assert_not(lets_through(false, "10.0.0.1", 79, "10.0.0.2", 80));
    cr_assert_not(lets_through(true, "10.0.0.1", 444, "10.0.0.2", 80));
}

Test(net_sock_filter, remote_ends_by_address_and_port)
{
    const char *const hosts[] = {"10.0.0.1", "2001:db8::1", "10.0.0.1"};
    const uint16_t ports[] = {9001, 9001, 9003};

    for (size_t i = 0; i < 3; i++) {
        struct weir_sock_end end = end_of(hosts[i], ports[i]);
        weir_sock_filter_add_remote(&filter, &end);
    }
    cr_assert(lets_through(false, "10.0.0.9", 4000, "10.0.0.1", 9001));
    cr_assert(lets_through(true, "10.0.0.9", 4000, "10.0.0.1", 9003), "mapped");
    cr_assert(lets_through(true, "::1", 4000, "2001:db8::1", 9001));
    cr_assert_not(lets_through(true, "::1", 4000, "2001:db8::1", 9003));
    cr_assert_not(lets_through(false, "10.0.0.9", 4000, "10.0.0.2", 9001));
    cr_assert_not(lets_through(false, "10.0.0.9", 9001, "10.0.0.1", 9002));
}

Test(net_sock_filter, the_outermost_ports)
{
    weir_sock_filter_add_local(&filter, 1);
    weir_sock_filter_add_local(&filter, 65535);
    cr_assert(lets_through(false, "10.0.0.1", 1, "10.0.0.2", 7));
    cr_assert(lets_through(false, "10.0.0.1", 65535, "10.0.0.2", 7));
    cr_assert_not(lets_through(false, "10.0.0.1", 0, "10.0.0.2", 7));
    cr_assert_not(lets_through(false, "10.0.0.1", 65534, "10.0.0.2", 7));
}

static struct weir_sock_end draw_end(unsigned *seed, unsigned hosts, unsigned ports)
{
    struct weir_sock_end end = {.host = {[10] = 0xff, [11] = 0xff, [12] = 10}};

    end.host[15] = (uint8_t)((unsigned)rand_r(seed) % hosts);
    if (rand_r(seed) % 2)
        end.host[10] = 0x20;
    end.port = (uint16_t)((unsigned)rand_r(seed) % ports);
    return end;
}

/* All that are wanted pass; while nothing is merged, no others do. */
static void draw(unsigned seed, size_t n_local, size_t n_remote, unsigned ports)
{
    struct weir_sock_end remotes[300];
    size_t steps, len;
    bool is_exact = n_local <= WEIR_FILTER_RANGES_MAX && n_remote <= WEIR_FILTER_REMOTES_MAX;

    memset(&filter, 0, sizeof(filter));
    for (size_t i = 0; i < n_local; i++)
        weir_sock_filter_add_local(&filter, (uint16_t)((unsigned)rand_r(&seed) % ports));
    for (size_t i = 0; i < n_remote; i++) {
        remotes[i] = draw_end(&seed, 20, ports);
        weir_sock_filter_add_remote(&filter, &remotes[i]);
    }
    len = weir_sock_filter_write(&filter, program);
    audit(program, len);
    for (int i = 0; i < 1000; i++) {
        struct entry entry = {.local = draw_end(&seed, 20, ports),
                              .remote = draw_end(&seed, 20, ports)};
        bool wanted = weir_port_set_has(&filter.local, entry.local.port), got;
        if (n_remote > 0 && i % 2)
            entry.remote = remotes[(size_t)i % n_remote];
        entry.is_ipv6 = entry.remote.host[10] != 0xff;
        for (size_t k = 0; k < n_remote; k++)
            wanted |= memcmp(&remotes[k], &entry.remote, sizeof(entry.remote)) == 0;
        got = accepts(program, len, &entry, &steps);
        cr_assert(got == wanted || (got && !is_exact), "seed %u: %d, not %d", seed, got, wanted);
        cr_assert_leq(steps, 2 * (7 + 3) + (is_exact ? n_remote + 1 : 65));
    }
}

Test(net_sock_filter, drawn_at_random)
{
    for (unsigned seed = 1; seed <= 200; seed += 3) {
        draw(seed, seed % 5, seed % 7, 64);
        draw(seed, seed % 128, seed % 64, 65536);
        draw(seed, seed * 20, seed, 65536);
        draw(seed, seed * 100, seed + 60, 4096);
    }
}

/* The worst that can be: every range and every remote end there is room for. */
Test(net_sock_filter, the_longest_program_has_room)
{
    size_t len;

    for (unsigned i = 0; i < WEIR_FILTER_RANGES_MAX; i++)
        weir_sock_filter_add_local(&filter, (uint16_t)(2 * i + 1));
    for (unsigned i = 0; i < WEIR_FILTER_REMOTES_MAX; i++) {
        struct weir_sock_end end = end_of("2001:db8::1", (uint16_t)(2 * i + 1));
        weir_sock_filter_add_remote(&filter, &end);
    }
    len = weir_sock_filter_write(&filter, program);
    audit(program, len);
    for (unsigned i = 0; i < WEIR_FILTER_RANGES_MAX; i++) {
        struct weir_sock_end end = end_of("10.0.0.1", (uint16_t)(20001 + 2 * i));
        weir_sock_filter_add_remote(&filter, &end);
    }
    len = weir_sock_filter_write(&filter, program);
    audit(program, len);
}
