#include "weir/net/sock_diag.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SEQUENCE = 7, ROOM = 4096, SOCKS_MAX = 64 };

/* A datagram that is put together, and what comes out of it. */
static struct {
    _Alignas(struct nlmsghdr) uint8_t bytes[ROOM];
    size_t len;
} datagram;

static struct {
    struct weir_sock socks[SOCKS_MAX];
    size_t n;
} told;

static struct weir_dump dump;

static void keep(void *owner, const struct weir_sock *sock)
{
    (void)owner;
    if (told.n < SOCKS_MAX)
        told.socks[told.n++] = *sock;
}

static int parse(void)
{
    told.n = 0;
    return weir_sock_diag_parse(datagram.bytes, datagram.len, SEQUENCE, keep, NULL, &dump);
}

static void add(uint16_t type, uint16_t flags, uint32_t sequence, const void *body, size_t len)
{
    struct nlmsghdr header = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len),
                              .nlmsg_type = type,
                              .nlmsg_flags = flags,
                              .nlmsg_seq = sequence};
    memcpy(datagram.bytes + datagram.len, &header, sizeof(header));
    memcpy(datagram.bytes + datagram.len + sizeof(header), body, len);
    datagram.len += NLMSG_ALIGN(sizeof(header) + len);
}

static struct inet_diag_msg make(int family, unsigned state, const char *local, uint16_t local_port,
                                 const char *remote, uint16_t remote_port)
{
    struct inet_diag_msg message = {
        .idiag_family = (uint8_t)family,
        .idiag_state = (uint8_t)state,
        .id = {.idiag_sport = htons(local_port), .idiag_dport = htons(remote_port)}};
    cr_assert_eq(inet_pton(family, local, message.id.idiag_src), 1);
    cr_assert_eq(inet_pton(family, remote, message.id.idiag_dst), 1);
    return message;
}

static void add_sock(int family, unsigned state, const char *local, uint16_t local_port)
{
    struct inet_diag_msg message = make(family, state, local, local_port, local, 9);
    add(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, SEQUENCE, &message, sizeof(message));
}

static void add_end(uint16_t type, int error)
{
    add(type, NLM_F_MULTI, SEQUENCE, &error, sizeof(error));
}

Test(net_sock_diag, sockets_of_both_families)
{
    static const uint8_t ipv4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1};
    static const uint8_t ipv6[16] = {[0] = 0x20, [1] = 0x01, [15] = 2};

    add_sock(AF_INET, WEIR_TCP_time_wait, "10.0.0.1", 8080);
    add_sock(AF_INET6, WEIR_TCP_closing, "2001::2", 443);
    cr_assert_eq(parse(), 0);
    cr_assert_eq(told.n, 2);
    cr_assert_eq(told.socks[0].state, WEIR_TCP_time_wait);
    cr_assert_eq(told.socks[0].local.port, 8080);
    cr_assert_eq(told.socks[0].remote.port, 9);
    cr_assert_not(told.socks[0].is_ipv6);
    cr_assert_arr_eq(told.socks[0].local.host, ipv4, 16);
    cr_assert_eq(told.socks[1].state, WEIR_TCP_closing);
    cr_assert(told.socks[1].is_ipv6);
    cr_assert_arr_eq(told.socks[1].remote.host, ipv6, 16);
    add_end(NLMSG_DONE, 0);
    cr_assert_eq(parse(), 1);
    cr_assert_eq(told.n, 2);
}

/* Listening (10), closed (7), TCP_NEW_SYN_RECV (12), and what may come. */
Test(net_sock_diag, other_states_and_families_are_passed_over)
{
    const unsigned states[] = {0, 7, 10, 12, 13, 31, 32, 255};

    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        add_sock(AF_INET, states[i], "10.0.0.1", 80);
    struct inet_diag_msg message = make(AF_INET, 1, "10.0.0.1", 80, "10.0.0.1", 80);
    message.idiag_family = AF_UNIX;
    add(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, SEQUENCE, &message, sizeof(message));
    add(NLMSG_NOOP, 0, SEQUENCE, &message, 0);
    add(99, 0, SEQUENCE, &message, 8);
    cr_assert_eq(parse(), 0);
    cr_assert_eq(told.n, 0);
}

Test(net_sock_diag, answers_to_others_are_passed_over)
{
    struct inet_diag_msg message = make(AF_INET, 1, "10.0.0.1", 80, "10.0.0.1", 80);
    int error = -EPERM;

    add(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, SEQUENCE + 1, &message, sizeof(message));
    add(NLMSG_ERROR, NLM_F_DUMP_INTR, SEQUENCE + 1, &error, sizeof(error));
    add(NLMSG_DONE, 0, 0, &error, 0);
    cr_assert_eq(parse(), 0);
    cr_assert_eq(told.n, 0);
    cr_assert_not(dump.is_disturbed);
}

Test(net_sock_diag, the_ends)
{
    static const struct {
        uint16_t type;
        int error, result;
    } cases[] = {
        {NLMSG_DONE, 0, 1},
        {NLMSG_DONE, -EINVAL, -EINVAL},
        {NLMSG_DONE, 5, -EBADMSG},
        {NLMSG_ERROR, -ENOENT, -ENOENT},
        {NLMSG_ERROR, -EPERM, -EPERM},
        {NLMSG_ERROR, 0, -EBADMSG},
        {NLMSG_ERROR, -2000000000, -EBADMSG},
        {NLMSG_OVERRUN, 0, -ENOBUFS},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        datagram.len = 0;
        add_end(cases[i].type, cases[i].error);
        cr_expect_eq(parse(), cases[i].result, "%zu: %d", i, parse());
    }
    datagram.len = 0;
    add(NLMSG_DONE, 0, SEQUENCE, "", 0);
    cr_expect_eq(parse(), 1);
    datagram.len = 0;
    add(NLMSG_ERROR, 0, SEQUENCE, "ab", 2);
    cr_expect_eq(parse(), -EBADMSG);
}

Test(net_sock_diag, a_disturbed_dump_says_so)
{
    struct inet_diag_msg message = make(AF_INET, 1, "10.0.0.1", 80, "10.0.0.1", 80);

    add(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI | NLM_F_DUMP_INTR, SEQUENCE, &message, sizeof(message));
    cr_assert_eq(parse(), 0);
    cr_assert(dump.is_disturbed);
    cr_assert_eq(told.n, 1);
}

/* Cut anywhere: never more than was there, and no end without its mark. */
Test(net_sock_diag, truncated_anywhere)
{
    size_t whole, one = NLMSG_ALIGN(NLMSG_HDRLEN + sizeof(struct inet_diag_msg));

    add_sock(AF_INET, 1, "10.0.0.1", 80);
    add_sock(AF_INET6, 1, "::1", 80);
    add_end(NLMSG_DONE, 0);
    whole = datagram.len;
    for (datagram.len = 0; datagram.len < whole; datagram.len++) {
        int result = parse();
        cr_assert_eq(result, datagram.len % one == 0 && datagram.len <= 2 * one ? 0 : -EBADMSG,
                     "%zu: %d", datagram.len, result);
        cr_assert_leq(told.n, datagram.len / one);
    }
}

Test(net_sock_diag, lengths_that_lie)
{
    const uint32_t lengths[] = {0, 1, 15, 16, 17, 87, 89, 1000, 0x7fffffff, 0xfffffffd, 0xffffffff};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        datagram.len = 0;
        add_sock(AF_INET, 1, "10.0.0.1", 80);
        memcpy(datagram.bytes, &lengths[i], sizeof(lengths[i]));
        cr_expect_eq(parse(), -EBADMSG, "%u", lengths[i]);
        cr_expect_eq(told.n, 0);
    }
}

/* Whatever bytes come: an end, and no reading outside (in a block of just their size). */
Test(net_sock_diag, bytes_at_random)
{
    unsigned seed = 1;

    for (int i = 0; i < 20000; i++) {
        datagram.len = 0;
        add_sock(i % 2 ? AF_INET : AF_INET6, 1, i % 2 ? "10.0.0.1" : "::1", 80);
        add_sock(AF_INET, 6, "10.0.0.1", 80);
        add_end(i % 3 ? NLMSG_DONE : NLMSG_ERROR, 0);
        size_t len = (size_t)rand_r(&seed) % (datagram.len + 1);
        uint8_t *bytes = malloc(len > 0 ? len : 1);
        memcpy(bytes, datagram.bytes, len);
        for (int k = rand_r(&seed) % 4; len > 0 && k > 0; k--)
            bytes[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
        told.n = 0;
        int result = weir_sock_diag_parse(bytes, len, SEQUENCE, keep, NULL, &dump);
        cr_assert(result <= 1 && result >= -4095);
        cr_assert_leq(told.n, 2);
        free(bytes);
    }
}

Test(net_sock_diag, the_request)
{
    static uint8_t message[WEIR_DIAG_REQUEST_MAX], program[WEIR_FILTER_BYTES_MAX];
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
    struct nlattr attribute;
    size_t at = sizeof(header) + sizeof(body);

    memset(program, 0xa5, sizeof(program));
    size_t len = weir_sock_diag_request(message, AF_INET6, 3, program, sizeof(program));
    memcpy(&header, message, sizeof(header));
    memcpy(&body, message + sizeof(header), sizeof(body));
    memcpy(&attribute, message + at, sizeof(attribute));
    cr_assert_eq(header.nlmsg_len, len);
    cr_assert_eq(header.nlmsg_type, SOCK_DIAG_BY_FAMILY);
    cr_assert_eq(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
    cr_assert_eq(header.nlmsg_seq, 3);
    cr_assert_eq(body.sdiag_family, AF_INET6);
    cr_assert_eq(body.idiag_states, 0xb7e, "all but closed and listening");
    cr_assert_eq(attribute.nla_type, INET_DIAG_REQ_BYTECODE);
    cr_assert_eq(attribute.nla_len, sizeof(attribute) + sizeof(program));
    cr_assert_eq(at + attribute.nla_len, len);
    cr_assert_arr_eq(message + at + sizeof(attribute), program, sizeof(program));
}
