#include "weir/net/sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

enum { BUFFER_BYTES = 32 * 1024, RECEIVE_MS = 500, ATTRIBUTE_BYTES = sizeof(struct nlattr) };

struct request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
    struct nlattr program;
};

_Static_assert(sizeof(struct request) <= WEIR_DIAG_REQUEST_MAX - WEIR_FILTER_BYTES_MAX,
               "the request has room");
_Static_assert(WEIR_FILTER_BYTES_MAX + ATTRIBUTE_BYTES <= UINT16_MAX,
               "the program fits an attribute");

static unsigned states_wanted(void)
{
    unsigned states = 0;

#define ADD(name, number) states |= 1u << (number);
    WEIR_TCP_STATES(ADD)
#undef ADD
    return states;
}

size_t weir_sock_diag_request(uint8_t message[WEIR_DIAG_REQUEST_MAX], int family, uint32_t sequence,
                              const uint8_t *program, size_t len)
{
    struct request request = {
        .header = {.nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                   .nlmsg_seq = sequence,
                   .nlmsg_len = (uint32_t)(sizeof(request) + len)},
        .body = {.sdiag_family = (uint8_t)family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = states_wanted()},
        .program = {.nla_type = INET_DIAG_REQ_BYTECODE,
                    .nla_len = (uint16_t)(ATTRIBUTE_BYTES + len)},
    };

    memcpy(message, &request, sizeof(request));
    memcpy(message + sizeof(request), program, len);
    return sizeof(request) + len;
}

static bool is_state(unsigned state)
{
    return state < WEIR_TCP_STATE_LIMIT && (states_wanted() >> state & 1) != 0;
}

static struct weir_sock_end read_end(int family, const __be32 *host, __be16 port)
{
    struct weir_sock_end end = {.port = ntohs(port)};

    if (family == AF_INET) {
        end.host[10] = end.host[11] = 0xff;
        memcpy(end.host + 12, host, 4);
    } else {
        memcpy(end.host, host, sizeof(end.host));
    }
    return end;
}

static void tell(const struct inet_diag_msg *message, weir_sock_fn *each, void *owner)
{
    const struct inet_diag_sockid *id = &message->id;
    int family = message->idiag_family;
    struct weir_sock sock = {.is_ipv6 = family == AF_INET6};

    if ((family != AF_INET && family != AF_INET6) || !is_state(message->idiag_state))
        return;
    sock.state = (enum weir_tcp_state)message->idiag_state;
    sock.local = read_end(family, id->idiag_src, id->idiag_sport);
    sock.remote = read_end(family, id->idiag_dst, id->idiag_dport);
    each(owner, &sock);
}

/* How a dump ended: both kinds of its last message begin with 0 or -errno. */
static int read_end_of_dump(const struct nlmsghdr *header)
{
    int error = 0;

    if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
        memcpy(&error, NLMSG_DATA(header), sizeof(error));
    else if (header->nlmsg_type == NLMSG_ERROR)
        return -EBADMSG;
    if (error > 0 || error < -4095)
        return -EBADMSG;
    if (error < 0)
        return error;
    /* An error of 0 would be an acknowledgement, which nobody asked for. */
    return header->nlmsg_type == NLMSG_DONE ? 1 : -EBADMSG;
}

int weir_sock_diag_parse(const void *bytes, size_t len, uint32_t sequence, weir_sock_fn *each,
                         void *owner, struct weir_dump *dump)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)at;
        size_t step;

        if (len < sizeof(*header) || header->nlmsg_len < sizeof(*header) || header->nlmsg_len > len)
            return -EBADMSG;
        step = NLMSG_ALIGN((size_t)header->nlmsg_len);
        if (header->nlmsg_seq == sequence) {
            if (header->nlmsg_flags & NLM_F_DUMP_INTR)
                dump->is_disturbed = true;
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
                return read_end_of_dump(header);
            if (header->nlmsg_type == NLMSG_OVERRUN)
                return -ENOBUFS;
            if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
                if (header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
                    return -EBADMSG;
                tell(NLMSG_DATA(header), each, owner);
            }
        }
        at += step < len ? step : len;
        len -= step < len ? step : len;
    }
    return 0;
}

/* Only the kernel's own messages count (netlink(7): nl_pid 0); whoever sends others is ignored. */
static int receive(int fd, uint8_t *buffer, size_t size, size_t *len)
{
    struct sockaddr_nl from = {.nl_family = AF_UNSPEC};
    struct iovec part = {.iov_len = size};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    part.iov_base = buffer;
    do
        n = recvmsg(fd, &message, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    *len = from.nl_pid == 0 ? (size_t)n : 0;
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : 0;
}

static int dump_family(int fd, int family, const struct weir_sock_filter *filter, uint64_t until_ms,
                       weir_sock_fn *each, void *owner, struct weir_dump *dump)
{
    _Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_BYTES];
    uint8_t program[WEIR_FILTER_BYTES_MAX], message[WEIR_DIAG_REQUEST_MAX];
    uint32_t sequence = (uint32_t)family;
    size_t len = weir_sock_diag_request(message, family, sequence, program,
                                        weir_sock_filter_write(filter, program));
    int state = 0;

    dump->step = "asking for a dump of sockets";
    if (send(fd, message, len, 0) != (ssize_t)len)
        return errno ? -errno : -EIO;
    dump->step = "a dump of sockets";
    while (state == 0) {
        if (uv_hrtime() / 1000000 > until_ms)
            return -ETIMEDOUT;
        state = receive(fd, buffer, sizeof(buffer), &len);
        if (state == 0)
            state = weir_sock_diag_parse(buffer, len, sequence, each, owner, dump);
    }
    return state < 0 ? state : 0;
}

int weir_sock_diag_dump(const struct weir_sock_filter *filter, uint64_t ms_max, weir_sock_fn *each,
                        void *owner, struct weir_dump *dump)
{
    const struct timeval patience = {.tv_usec = (suseconds_t)RECEIVE_MS * 1000};
    uint64_t until_ms = uv_hrtime() / 1000000 + ms_max;
    int fd, error;

    *dump = (struct weir_dump){.step = "opening a netlink socket"};
    fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    /* A dump goes on while it is read, so nothing is ever waited for; but who knows. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    error = dump_family(fd, AF_INET, filter, until_ms, each, owner, dump);
    if (!error) {
        error = dump_family(fd, AF_INET6, filter, until_ms, each, owner, dump);
        if (error == -ENOENT)
            error = 0; /* a kernel without IPv6 */
    }
    close(fd);
    return error;
}
