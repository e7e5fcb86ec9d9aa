/* weir-floor: as little as a relay with a pool can do, to hold proxies against. It moves bytes and
 * reads none of them: a read from a client is a request, and how long an answer is stands on the
 * command line. It checks nothing, times nothing, logs nothing: not for use, only for comparison.
 *
 * The system calls of a request: accept4, recv, send to the server, recv, send to the client, close
 * (--once), or the middle four (kept connections), and a share of an epoll_wait. Everything is
 * registered edge-triggered once, a client that closes after its answer only if it has to wait. The
 * end of an answer before a close leaves with the FIN, in one segment. An answer beyond SPLICE_MIN
 * goes through a pipe, never through this process. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, BACKLOG = 4096, BUFFER_SIZE = 256 * 1024 };
enum { SPLICE_MIN = 64 * 1024, PIPE_SIZE = 1024 * 1024, ACCEPTS_A_TURN = 16, EXIT_USAGE = 2 };

/* One socket. While an exchange lasts, client and server are each other's peer. */
struct end {
    int fd;
    bool is_server, is_registered, is_last; /* last: close it once it has all */
    struct end *peer;
    struct end *next;     /* in the pool of idle servers, or among the dead */
    uint64_t answer_left; /* of a server */
    char *held;           /* what the socket would not take yet */
    size_t held_at, held_len;
    int pipe[2]; /* of a server, for splice */
    size_t piped;
};

static struct {
    int epoll, listener;
    struct sockaddr_in server;
    uint64_t answer_bytes;
    bool once;
    struct end *idle, *dead;
    char buffer[BUFFER_SIZE];
} relay;

static void fail(const char *what)
{
    fprintf(stderr, "weir-floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct end *end_open(int fd, bool is_server)
{
    struct end *end = calloc(1, sizeof(*end));

    if (!end)
        fail("memory");
    end->fd = fd;
    end->is_server = is_server;
    end->pipe[0] = end->pipe[1] = -1;
    return end;
}

static void watch(struct end *end)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = end};

    if (end->is_registered)
        return;
    end->is_registered = true;
    if (epoll_ctl(relay.epoll, EPOLL_CTL_ADD, end->fd, &event) != 0)
        fail("epoll_ctl");
}

/* Its memory stays until the events at hand are done, some of which may be its own. */
static void end_close(struct end *end)
{
    if (end->fd < 0)
        return;
    close(end->fd);
    end->fd = -1;
    if (end->pipe[0] >= 0) {
        close(end->pipe[0]);
        close(end->pipe[1]);
    }
    free(end->held);
    end->held = NULL;
    for (struct end **at = &relay.idle; end->is_server && *at; at = &(*at)->next) {
        if (*at == end) {
            *at = end->next;
            break;
        }
    }
    end->next = relay.dead;
    relay.dead = end;
    if (end->peer) {
        struct end *peer = end->peer;
        end->peer = peer->peer = NULL;
        end_close(peer);
    }
}

static void bury_the_dead(void)
{
    while (relay.dead) {
        struct end *end = relay.dead;
        relay.dead = end->next;
        free(end);
    }
}

static bool hold(struct end *end, const char *data, size_t len)
{
    end->held = malloc(len);
    if (!end->held)
        return false;
    memcpy(end->held, data, len);
    end->held_at = 0;
    end->held_len = len;
    watch(end);
    return true;
}

/* IS_LAST: what is sent waits for the FIN that follows. False: the end is closed. */
static bool pass(struct end *end, const char *data, size_t len, bool is_last)
{
    ssize_t sent = send(end->fd, data, len, MSG_NOSIGNAL | (is_last ? MSG_MORE : 0));

    if (sent < 0 && errno == EAGAIN)
        sent = 0;
    if (sent < 0 || ((size_t)sent < len && !hold(end, data + sent, len - (size_t)sent))) {
        end_close(end);
        return false;
    }
    return true;
}

static struct end *take_server(void)
{
    struct end *end = relay.idle;
    int on = 1, fd;

    if (end) {
        relay.idle = end->next;
        return end;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&relay.server, sizeof(relay.server)) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        fail("the server");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    end = end_open(fd, true);
    watch(end);
    return end;
}

static void answer_done(struct end *server)
{
    struct end *client = server->peer;

    server->peer = client->peer = NULL;
    server->next = relay.idle;
    relay.idle = server;
    if (!relay.once)
        return;
    client->is_last = true;
    if (!client->held)
        end_close(client);
}

/* What the client would not take yet waits in the pipe, for its next event. Nothing is asked for
 * while there is any: splice would block on the reading end's account. */
static bool splice_some(struct end *server)
{
    struct end *client = server->peer;
    const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    ssize_t got;

    if (server->pipe[0] < 0) {
        if (pipe2(server->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
            fail("a pipe");
        (void)fcntl(server->pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
    }
    if (server->piped == 0) {
        size_t want = server->answer_left < PIPE_SIZE ? server->answer_left : PIPE_SIZE;
        got = splice(server->fd, NULL, server->pipe[1], NULL, want, flags);
        if (got < 0 && errno == EAGAIN)
            return false;
        if (got <= 0) {
            end_close(server);
            return false;
        }
        server->piped = (size_t)got;
    }
    got = splice(server->pipe[0], NULL, client->fd, NULL, server->piped, flags);
    if (got < 0 && errno != EAGAIN) {
        end_close(server);
        return false;
    }
    if (got < 0) {
        watch(client);
        return false;
    }
    server->piped -= (size_t)got;
    server->answer_left -= (size_t)got;
    return true;
}

static void read_answer(struct end *server)
{
    while (server->fd >= 0 && server->peer && !server->peer->held) {
        if (server->answer_left > SPLICE_MIN || server->piped) {
            if (!splice_some(server))
                return;
            if (server->answer_left == 0)
                answer_done(server);
            continue;
        }
        ssize_t got = recv(server->fd, relay.buffer, sizeof(relay.buffer), 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0 || (uint64_t)got > server->answer_left) {
            end_close(server);
            return;
        }
        server->answer_left -= (uint64_t)got;
        if (!pass(server->peer, relay.buffer, (size_t)got, relay.once && server->answer_left == 0))
            return;
        if (server->answer_left == 0)
            answer_done(server);
        else if ((size_t)got < sizeof(relay.buffer))
            return;
    }
}

static void read_request(struct end *client)
{
    ssize_t got = recv(client->fd, relay.buffer, sizeof(relay.buffer), 0);

    if (got < 0 && errno == EAGAIN) {
        watch(client);
        return;
    }
    if (got <= 0) {
        end_close(client);
        return;
    }
    if (!client->peer) {
        client->peer = take_server();
        client->peer->peer = client;
        client->peer->answer_left = relay.answer_bytes;
    }
    pass(client->peer, relay.buffer, (size_t)got, false);
}

/* False: there is still something held. */
static bool flush(struct end *end)
{
    ssize_t sent = send(end->fd, end->held + end->held_at, end->held_len - end->held_at,
                        MSG_NOSIGNAL);

    if (sent < 0 && errno == EAGAIN)
        return false;
    if (sent < 0) {
        end_close(end);
        return false;
    }
    end->held_at += (size_t)sent;
    if (end->held_at < end->held_len)
        return false;
    free(end->held);
    end->held = NULL;
    if (end->is_last)
        end_close(end);
    return end->fd >= 0;
}

static void on_event(struct end *end, uint32_t events)
{
    bool is_ready = events & (EPOLLIN | EPOLLHUP | EPOLLERR);

    if (end->fd < 0)
        return;
    if ((events & EPOLLOUT) && end->held && !flush(end))
        return;
    if (end->is_server) {
        if (is_ready && !end->peer)
            end_close(end);
        else if (is_ready)
            read_answer(end);
        return;
    }
    if ((events & EPOLLOUT) && end->peer)
        read_answer(end->peer);
    if (is_ready && end->fd >= 0)
        read_request(end);
}

/* epoll holds what watch() is given; the analyzer does not know. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void accept_some(void)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(relay.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct end *client = end_open(fd, false);
        if (relay.once)
            read_request(client);
        else
            watch(client); /* which reports what is there already */
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
}

static void listen_at(const char *port)
{
    struct sockaddr_in address = loopback(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    socklen_t len = sizeof(address);
    int on = 1;

    relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(relay.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(relay.listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(relay.listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
    if (bind(relay.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(relay.listener, BACKLOG) != 0 ||
        getsockname(relay.listener, (struct sockaddr *)&address, &len) != 0 ||
        epoll_ctl(relay.epoll, EPOLL_CTL_ADD, relay.listener, &event) != 0)
        fail("listening");
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    struct rlimit files;

    if (argc < 4) {
        fprintf(stderr,
                "usage: weir-floor PORT SERVER-PORT ANSWER-BYTES [--once]\n"
                "Answers of ANSWER-BYTES, head and body; all on 127.0.0.1. Port 0 is a free "
                "one.\n");
        return EXIT_USAGE;
    }
    relay.once = argc > 4 && strcmp(argv[4], "--once") == 0;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    relay.epoll = epoll_create1(EPOLL_CLOEXEC);
    relay.server = loopback(argv[2]);
    relay.answer_bytes = strtoull(argv[3], NULL, 10);
    listen_at(argv[1]);
    for (;;) {
        int n = epoll_wait(relay.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                on_event(events[i].data.ptr, events[i].events);
            else
                accept_some();
        }
        bury_the_dead();
    }
}
