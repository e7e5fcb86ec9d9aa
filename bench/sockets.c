/* weir-bench-sockets N [established]: what one look at the kernel's TCP states costs on a host with
 * N sockets, in a network namespace of its own (needs root). They are in TIME_WAIT, or pairs of
 * established ones. 256 more are weir's, to a server at another port.
 *
 * Looked for are: weir's alone, as weir does; the same, but with all sockets handed over by the
 * kernel and looked at here; and all of them as weir's. What is printed is the median round, in
 * milliseconds of the thread's CPU time and by the clock. */
#include "weir/control/tcp_tally.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 15, OTHERS_PORT = 9001, SERVER_PORT = 9002, WEB_PORT = 8080, OURS = 256 };
enum { PORTS_A_HOST = 20000, PAIRS_A_CHILD = 4000 };

static void fail(const char *what)
{
    fprintf(stderr, "weir-bench-sockets: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void set(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        fail(path);
    close(fd);
}

static void enter_namespace(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    struct rlimit files;
    int fd;

    if (unshare(CLONE_NEWNET) != 0)
        fail("a network namespace");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        fail("loopback");
    close(fd);
    set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "1000000");
    set("/proc/sys/net/ipv4/tcp_tw_reuse", "0");
    set("/proc/sys/net/ipv4/ip_local_port_range", "10000 60999");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static struct sockaddr_in at(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(host), .sin_port = htons(port)};
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in address = at(INADDR_LOOPBACK, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 4096) != 0)
        fail("a server");
    return fd;
}

/* Connections FIRST to LAST. The client closes first, unless both stay open. */
static void make_sockets(int listener, uint16_t port, long first, long last, bool stay)
{
    for (long i = first; i < last; i++) {
        struct sockaddr_in from = at(INADDR_LOOPBACK + 1 + (uint32_t)(i / PORTS_A_HOST), 0),
                           to = at(INADDR_LOOPBACK, port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, accepted;

        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
            connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
            fail("a connection");
        accepted = accept(listener, NULL, NULL);
        if (accepted < 0)
            fail("accepting");
        if (stay)
            continue;
        close(fd);
        close(accepted);
    }
}

/* As many as need more descriptors than a process may have: children hold them until we end. */
static void make_pairs(int listener, uint16_t port, long n)
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0)
        fail("a pipe");
    for (long first = 0; first < n; first += PAIRS_A_CHILD) {
        pid_t child = fork();
        if (child < 0)
            fail("a child");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            make_sockets(listener, port, first,
                         first + PAIRS_A_CHILD < n ? first + PAIRS_A_CHILD : n, true);
            if (write(ready[1], "", 1) != 1)
                fail("a pipe");
            for (;;)
                pause();
        }
        if (read(ready[0], &byte, 1) != 1)
            fail("a child");
    }
}

/* ---- */

struct look {
    const struct weir_sock_filter *filter;
    struct weir_tcp_tally *tally;
    unsigned long told;
};

static void count(void *owner, const struct weir_sock *sock)
{
    struct look *look = owner;

    look->told++;
    weir_tcp_tally_count(look->tally, sock);
}

static double now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(const char *name, struct look *look)
{
    double cpu_ms[ROUNDS], clock_ms[ROUNDS];
    struct weir_dump dump;

    for (int round = 0; round < ROUNDS; round++) {
        double cpu = now_ms(CLOCK_THREAD_CPUTIME_ID), clock = now_ms(CLOCK_MONOTONIC);
        look->told = 0;
        weir_tcp_tally_clear(look->tally);
        errno = -weir_sock_diag_dump(look->filter, 60000, count, look, &dump);
        if (errno != 0)
            fail(dump.step);
        cpu_ms[round] = now_ms(CLOCK_THREAD_CPUTIME_ID) - cpu;
        clock_ms[round] = now_ms(CLOCK_MONOTONIC) - clock;
    }
    qsort(cpu_ms, ROUNDS, sizeof(*cpu_ms), compare);
    qsort(clock_ms, ROUNDS, sizeof(*clock_ms), compare);
    printf("%-28s %8lu told %9.2f ms CPU %9.2f ms\n", name, look->told, cpu_ms[ROUNDS / 2],
           clock_ms[ROUNDS / 2]);
}

static struct weir_tcp_tally *watch(uint16_t server)
{
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    struct weir_sock_end end = {.host = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    bool is_watched;

    if (!tally)
        fail("counting");
    end.port = WEB_PORT;
    is_watched = weir_tcp_tally_watch_listener(tally, &end);
    end.port = server;
    if (!is_watched || !weir_tcp_tally_watch_local(tally, &end) ||
        !weir_tcp_tally_watch_remote(tally, &end))
        fail("counting");
    return tally;
}

int main(int argc, char **argv)
{
    static struct weir_sock_filter everything;
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    bool stay = argc > 2 && strcmp(argv[2], "established") == 0;
    struct weir_tcp_tally *ours, *theirs;
    struct look look;

    if (n <= 0 || argc > 3 || (argc == 3 && !stay)) {
        fprintf(stderr, "usage: weir-bench-sockets N [established]\n");
        return 2;
    }
    enter_namespace();
    if (stay)
        make_pairs(listen_at(OTHERS_PORT), OTHERS_PORT, n / 2);
    else
        make_sockets(listen_at(OTHERS_PORT), OTHERS_PORT, 0, n, false);
    make_sockets(listen_at(SERVER_PORT), SERVER_PORT, 0, OURS / 2, true);
    memset(everything.local.bits, 0xff, sizeof(everything.local.bits));
    ours = watch(SERVER_PORT);
    theirs = watch(OTHERS_PORT);
    look = (struct look){.filter = weir_tcp_tally_filter(ours), .tally = ours};
    measure("weir's, as weir looks", &look);
    look.filter = &everything;
    measure("weir's, without the filter", &look);
    look = (struct look){.filter = weir_tcp_tally_filter(theirs), .tally = theirs};
    measure("all of them weir's", &look);
    weir_tcp_tally_destroy(ours);
    weir_tcp_tally_destroy(theirs);
    return 0;
}
