/* No byte of one answer is ever in another's, however clients come, share connections and leave. */
#include "support/t_ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 10000, CONCURRENCY = 100, ABORTERS = 8 };

/* Clients that ask for more than they will read, or send less than they announced, and go. */
struct aborter {
    int port;
    atomic_bool *is_over;
    unsigned number;
    unsigned done;
    pthread_t thread;
};

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void *abort_often(void *user)
{
    static const char *const requests[] = {
        "GET /?size=300000&seed=7 HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /?echo=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\nonly this",
        "POST /?echo=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "GET /?size=100000&framing=chunked&drip=1ms HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /?body=late&delay=2ms HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    struct aborter *aborter = user;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct timeval limit = {.tv_usec = 20000};
    char some[1000];
    while (!atomic_load(aborter->is_over)) {
        const char *request = requests[aborter->done % 5];
        int fd = dial(aborter->port);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
        if ((aborter->done + aborter->number) % 3)
            (void)recv(fd, some, sizeof(some), 0);
        if (aborter->done % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
        aborter->done++;
    }
    return NULL;
}

static void run(uint64_t requests, uint64_t per_connection, const char *pool)
{
    struct t_real_origin origin;
    struct t_weir weir;
    struct aborter aborters[ABORTERS];
    atomic_bool is_over = false;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(
        &weir,
        &(struct t_shape){.port = origin.port, .top = "shutdown_timeout: 10s\n", .pool = pool});
    for (unsigned i = 0; i < ABORTERS; i++) {
        aborters[i] = (struct aborter){.port = weir.port, .is_over = &is_over, .number = i};
        cr_assert_eq(pthread_create(&aborters[i].thread, NULL, abort_often, &aborters[i]), 0);
    }
    struct t_load load = {.port = weir.port,
                          .concurrency = CONCURRENCY,
                          .requests = requests,
                          .per_connection = per_connection,
                          .reset_clients = true};
    struct t_load_result result = t_load_run(&load);
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < ABORTERS; i++) {
        pthread_join(aborters[i].thread, NULL);
        cr_assert_gt(aborters[i].done, 5);
    }
    t_load_assert_ok(&load, &result);
    cr_assert_gt(t_pool_number(&weir, "connections/reused"), (int64_t)requests / 3);
    cr_assert(pool || t_pool_number(&weir, "connections/stolen") > 0);
    t_pool_assert(&weir, "connections/closed/poisoned", 0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(no_mixing, ten_thousand_one_shots)
{
    run(REQUESTS, 1, NULL);
}

Test(no_mixing, kept_clients)
{
    run(REQUESTS / 2, 20, NULL);
}

/* The more connections are handed over, the more could go wrong. */
Test(no_mixing, through_the_queue)
{
    run(REQUESTS / 2, 3, "    connections: {max: 6}\n    queue: {timeout: 30s}\n");
}
