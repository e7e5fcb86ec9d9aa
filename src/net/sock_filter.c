/* The program: a tree of local ports, where a hit accepts and a miss goes on; a tree of remote
 * ports, where a hit goes on and a miss rejects; and each remote end in turn.
 *
 * An operation says where to go on: `yes` bytes ahead or `no` bytes ahead. A program that ends
 * exactly at its end accepts; one that ends 4 bytes behind it rejects. The kernel walks along `yes`
 * to check a program, so `yes` always leads to the next operation, and every `no` must lead to one
 * that this walk comes by. */
#include "weir/net/sock_filter.h"

#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

enum { REJECTED = 4 };

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct range {
    uint16_t first, last;
};

struct ranges {
    size_t n;
    struct range all[WEIR_FILTER_RANGES_MAX];
};

/* Everything a jump leads to lies ahead: the program is written twice, and where things are is
 * known from the first time. */
struct writer {
    uint8_t *bytes;
    size_t len;
    size_t end, remotes, ends; /* of the program; where the second and third part begin */
};

struct tree {
    uint8_t at_least, at_most; /* codes of operations */
    size_t hit, miss;
};

void weir_sock_filter_add_local(struct weir_sock_filter *filter, uint16_t port)
{
    filter->local.bits[port / 64] |= 1ull << (port % 64);
}

void weir_sock_filter_add_remote(struct weir_sock_filter *filter, const struct weir_sock_end *end)
{
    filter->remote.bits[end->port / 64] |= 1ull << (end->port % 64);
    if (filter->n_remotes < WEIR_FILTER_REMOTES_MAX)
        filter->remotes[filter->n_remotes] = *end;
    filter->n_remotes++;
}

/* Ports at most GAP apart make one range. Fails: false, there are too many. */
static bool collect(const struct weir_port_set *set, unsigned gap, struct ranges *ranges)
{
    ranges->n = 0;
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        if (port % 64 == 0 && set->bits[port / 64] == 0) {
            port += 63;
        } else if (weir_port_set_has(set, (uint16_t)port)) {
            struct range *last = ranges->n > 0 ? &ranges->all[ranges->n - 1] : NULL;
            if (last && port - last->last <= gap) {
                last->last = (uint16_t)port;
                continue;
            }
            if (ranges->n == WEIR_FILTER_RANGES_MAX)
                return false;
            ranges->all[ranges->n++] = (struct range){(uint16_t)port, (uint16_t)port};
        }
    }
    return true;
}

static void put(struct writer *writer, const void *bytes, size_t len)
{
    memcpy(writer->bytes + writer->len, bytes, len);
    writer->len += len;
}

static void put_operation(struct writer *writer, uint8_t code, size_t size, size_t target)
{
    struct inet_diag_bc_op operation = {
        .code = code, .yes = (uint8_t)size, .no = (uint16_t)(target - writer->len)};
    put(writer, &operation, sizeof(operation));
}

static void put_jump(struct writer *writer, size_t target)
{
    put_operation(writer, INET_DIAG_BC_JMP, sizeof(struct inet_diag_bc_op), target);
}

static void put_comparison(struct writer *writer, uint8_t code, uint16_t port, size_t target)
{
    struct inet_diag_bc_op operand = {.no = port};

    put_operation(writer, code, 2 * sizeof(operand), target);
    put(writer, &operand, sizeof(operand));
}

static void put_range(struct writer *writer, const struct tree *tree, const struct range *range)
{
    put_comparison(writer, tree->at_least, range->first, tree->miss);
    put_comparison(writer, tree->at_most, range->last, tree->miss);
    put_jump(writer, tree->hit);
}

/* The upper half follows the comparison, the lower half the upper. Depth: 7 for 128 ranges. */
static void put_tree(struct writer *writer, const struct tree *tree, const struct range *ranges,
                     size_t n)
{
    size_t at = writer->len, half = n / 2;
    uint16_t ahead;

    if (n == 1) {
        put_range(writer, tree, ranges);
        return;
    }
    put_comparison(writer, tree->at_least, ranges[half].first, at);
    put_tree(writer, tree, ranges + half, n - half);
    ahead = (uint16_t)(writer->len - at);
    memcpy(writer->bytes + at + offsetof(struct inet_diag_bc_op, no), &ahead, sizeof(ahead));
    put_tree(writer, tree, ranges, half);
}

/* A hit goes on to the jump behind it, a miss to the next end. */
static void put_remote(struct writer *writer, const struct weir_sock_end *end, bool is_last)
{
    bool is_ipv4 = memcmp(end->host, mapped_prefix, sizeof(mapped_prefix)) == 0;
    uint8_t skip = is_ipv4 ? sizeof(mapped_prefix) : 0;
    size_t host_bytes = sizeof(end->host) - skip;
    size_t size = sizeof(struct inet_diag_bc_op) + sizeof(struct inet_diag_hostcond) + host_bytes;
    size_t next = writer->len + size + sizeof(struct inet_diag_bc_op);
    /* AF_INET also matches what is mapped to IPv6. */
    struct inet_diag_hostcond condition = {.family = is_ipv4 ? AF_INET : AF_INET6,
                                           .prefix_len = (uint8_t)(8 * host_bytes),
                                           .port = end->port};

    put_operation(writer, INET_DIAG_BC_D_COND, size, is_last ? next + REJECTED : next);
    put(writer, &condition, sizeof(condition));
    put(writer, end->host + skip, host_bytes);
    put_jump(writer, writer->end);
}

static void write_all(struct writer *writer, const struct weir_sock_filter *filter,
                      const struct ranges *local, const struct ranges *remote)
{
    bool has_ends = filter->n_remotes <= WEIR_FILTER_REMOTES_MAX;
    size_t accept = writer->end, reject = writer->end + REJECTED;

    writer->len = 0;
    if (local->n == 0 && remote->n == 0)
        put_jump(writer, reject);
    if (local->n > 0) {
        const struct tree tree = {.at_least = INET_DIAG_BC_S_GE,
                                  .at_most = INET_DIAG_BC_S_LE,
                                  .hit = accept,
                                  .miss = remote->n > 0 ? writer->remotes : reject};
        put_tree(writer, &tree, local->all, local->n);
    }
    writer->remotes = writer->len;
    if (remote->n > 0) {
        const struct tree tree = {.at_least = INET_DIAG_BC_D_GE,
                                  .at_most = INET_DIAG_BC_D_LE,
                                  .hit = has_ends ? writer->ends : accept,
                                  .miss = reject};
        put_tree(writer, &tree, remote->all, remote->n);
    }
    writer->ends = writer->len;
    for (size_t i = 0; has_ends && i < filter->n_remotes; i++)
        put_remote(writer, &filter->remotes[i], i + 1 == filter->n_remotes);
    writer->end = writer->len;
}

static void gather(const struct weir_port_set *set, struct ranges *ranges)
{
    for (unsigned gap = 1; !collect(set, gap, ranges); gap *= 2)
        continue;
}

size_t weir_sock_filter_write(const struct weir_sock_filter *filter,
                              uint8_t program[WEIR_FILTER_BYTES_MAX])
{
    struct ranges local, remote;
    struct writer writer = {.len = 0};

    writer.bytes = program;
    gather(&filter->local, &local);
    gather(&filter->remote, &remote);
    write_all(&writer, filter, &local, &remote);
    write_all(&writer, filter, &local, &remote);
    return writer.len;
}
