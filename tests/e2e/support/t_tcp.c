/* sock_diag (man 7 sock_diag), one netlink socket per question. */
#define T_HARNESS
#include "t_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* LEN: of the attributes behind the message. */
typedef void each_socket_fn(const struct inet_diag_msg *socket, size_t len, void *user);

static int diag_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        t_fail("no sock_diag socket: %s", strerror(errno));
    struct timeval limit = {t_timeout_ms() / 1000, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    int big = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
    return fd;
}

struct diag_request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

static void diag_send(int fd, struct diag_request *request)
{
    request->header.nlmsg_len = sizeof(*request);
    request->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request->body.sdiag_protocol = IPPROTO_TCP;
    if (send(fd, request, sizeof(*request), 0) != (ssize_t)sizeof(*request))
        t_fail("cannot ask sock_diag: %s", strerror(errno));
}

/* Reads one datagram of answers. Returns false after the last one. */
static bool diag_receive(int fd, each_socket_fn *each, void *user)
{
    static _Thread_local _Alignas(struct nlmsghdr) char buffer[64 * 1024];
    ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got <= 0)
        t_fail("sock_diag does not answer: %s", strerror(errno));
    unsigned left = (unsigned)got;
    for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
        if (header->nlmsg_type == NLMSG_DONE)
            return false;
        if (header->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(header);
            if (error->error == -ENOENT)
                return false;
            t_fail("sock_diag: %s", strerror(-error->error));
        }
        each(NLMSG_DATA(header), NLMSG_PAYLOAD(header, sizeof(struct inet_diag_msg)), user);
        if (!(header->nlmsg_flags & NLM_F_MULTI))
            return false;
    }
    return true;
}

/* Calls EACH for every TCP socket of a family. */
static void diag_each(int family, each_socket_fn *each, void *user)
{
    int fd = diag_open();
    struct diag_request request = {
        .header = {.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (unsigned char)family, .idiag_states = ~0u},
    };
    diag_send(fd, &request);
    while (diag_receive(fd, each, user))
        continue;
    close(fd);
}

struct count {
    enum t_tcp_side side;
    enum t_tcp_state state;
    int port;
    int found;
};

static void count_one(const struct inet_diag_msg *socket, size_t len, void *user)
{
    (void)len;
    struct count *count = user;
    int port = ntohs(count->side == T_TCP_LOCAL ? socket->id.idiag_sport : socket->id.idiag_dport);
    if (port != count->port)
        return;
    if (count->state == T_TCP_ANY || socket->idiag_state == (int)count->state)
        count->found++;
}

int t_tcp_count(enum t_tcp_side side, int port, enum t_tcp_state state)
{
    struct count count = {.side = side, .state = state, .port = port};
    diag_each(AF_INET, count_one, &count);
    diag_each(AF_INET6, count_one, &count);
    return count.found;
}

void t_tcp_await(enum t_tcp_side side, int port, enum t_tcp_state state, int count)
{
    int64_t deadline = t_deadline_ms();
    int found;
    while ((found = t_tcp_count(side, port, state)) != count) {
        if (!t_left_ms(deadline))
            t_fail("%d sockets with %s port %d in state %d, not %d", found,
                   side == T_TCP_LOCAL ? "local" : "remote", port, (int)state, count);
        t_nap();
    }
}

static void mark_one(const struct inet_diag_msg *socket, size_t len, void *user)
{
    (void)len;
    bool *used = user;
    used[ntohs(socket->id.idiag_sport)] = true;
    used[ntohs(socket->id.idiag_dport)] = true;
}

void t_tcp_ports_used(bool *used)
{
    diag_each(AF_INET, mark_one, used);
    diag_each(AF_INET6, mark_one, used);
}

struct peer {
    bool found;
    uint64_t received;
    uint64_t unread;
};

static void peer_one(const struct inet_diag_msg *socket, size_t len, void *user)
{
    struct peer *peer = user;
    if (socket->idiag_state == T_TCP_LISTEN)
        return;
    for (const struct rtattr *attribute = (const struct rtattr *)(socket + 1);
         RTA_OK(attribute, len); attribute = RTA_NEXT(attribute, len)) {
        if (attribute->rta_type != INET_DIAG_INFO)
            continue;
        struct tcp_info info = {0};
        size_t size = RTA_PAYLOAD(attribute);
        memcpy(&info, RTA_DATA(attribute), size < sizeof(info) ? size : sizeof(info));
        peer->found = true;
        peer->received = info.tcpi_bytes_received;
        peer->unread = socket->idiag_rqueue;
    }
}

/* Puts an address of either family where sock_diag wants it. */
static void diag_address(const struct sockaddr_storage *address, __be32 *ip, __be16 *port)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        *port = v4->sin_port;
        memcpy(ip, &v4->sin_addr, sizeof(v4->sin_addr));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        *port = v6->sin6_port;
        memcpy(ip, &v6->sin6_addr, sizeof(v6->sin6_addr));
    }
}

bool t_tcp_peer(int fd, uint64_t *received, uint64_t *unread)
{
    struct sockaddr_storage mine, peer;
    socklen_t mine_len = sizeof(mine), peer_len = sizeof(peer);
    if (getsockname(fd, (struct sockaddr *)&mine, &mine_len) != 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0)
        return false;
    struct diag_request request = {
        .header = {.nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = (unsigned char)mine.ss_family,
                 .idiag_states = ~0u,
                 .idiag_ext = 1 << (INET_DIAG_INFO - 1)},
    };
    /* The peer's socket: its source is our destination. */
    struct inet_diag_sockid *id = &request.body.id;
    diag_address(&peer, id->idiag_src, &id->idiag_sport);
    diag_address(&mine, id->idiag_dst, &id->idiag_dport);
    id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    struct peer found = {0};
    int diag = diag_open();
    diag_send(diag, &request);
    while (diag_receive(diag, peer_one, &found))
        continue;
    close(diag);
    *received = found.received;
    *unread = found.unread;
    return found.found;
}
