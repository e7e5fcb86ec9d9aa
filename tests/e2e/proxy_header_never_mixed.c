/* ctest: timeout 300
 *
 * Under load on several workers no request ever comes on a connection announced for another
 * client, though far fewer connections are allowed than there are clients, and clients come, go
 * and break off all the time. */
#include "support/t_ask.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 24, LIVES = 40, REQUESTS_MAX = 6, CONNECTIONS_MAX = 8192, LINE_MAX_BYTES = 2048 };

static struct t_weir weir;
static struct t_origin origin;
static atomic_int mixed, served, unannounced, failed, connections;
static char first_wrong[256];
static atomic_bool has_wrong;

/* ---- Lines on a blocking socket; Thread: any ---- */

struct lines {
    int fd;
    size_t len;
    char data[LINE_MAX_BYTES];
};

/* Takes what comes up to and with END, as text in TEXT. False: the connection ended, or worse. */
static bool read_to(struct lines *lines, const char *end, char text[LINE_MAX_BYTES])
{
    for (;;) {
        char *found = memmem(lines->data, lines->len, end, strlen(end));
        if (found) {
            size_t len = (size_t)(found - lines->data) + strlen(end);
            memcpy(text, lines->data, len);
            text[len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES - 1] = '\0';
            lines->len -= len;
            memmove(lines->data, lines->data + len, lines->len);
            return true;
        }
        ssize_t n = lines->len < LINE_MAX_BYTES - 1 ? recv(lines->fd, lines->data + lines->len,
                                                           LINE_MAX_BYTES - 1 - lines->len, 0)
                                                    : 0;
        if (n <= 0)
            return false;
        lines->len += (size_t)n;
    }
}

static bool send_all(int fd, const char *text)
{
    size_t len = strlen(text);
    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void note_wrong(const char *got, const char *want)
{
    if (!atomic_exchange(&has_wrong, true))
        snprintf(first_wrong, sizeof(first_wrong), "%.100s on a connection of %.100s", got, want);
}

/* ---- The origin: remembers whose each connection is ---- */

static void *serve(void *argument)
{
    struct lines lines = {.fd = (int)(intptr_t)argument};
    char header[LINE_MAX_BYTES], head[LINE_MAX_BYTES], source[64] = "", marker[80], *at;
    int port = 0;

    if (!read_to(&lines, "\r\n", header) ||
        sscanf(header, "PROXY TCP4 %63s 192.0.2.8 %d 443", source, &port) != 2) {
        if (header[0])
            atomic_fetch_add(&unannounced, 1);
        close(lines.fd);
        return NULL;
    }
    snprintf(marker, sizeof(marker), "Client: %s:%d\r\n", source, port);
    while (read_to(&lines, "\r\n\r\n", head)) {
        at = strstr(head, "Client: ");
        if (!at || strncmp(at, marker, strlen(marker)) != 0 || strstr(head, "PROXY ")) {
            atomic_fetch_add(&mixed, 1);
            note_wrong(at ? at : head, marker);
        }
        atomic_fetch_add(&served, 1);
        if (!send_all(lines.fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
            break;
    }
    close(lines.fd);
    return NULL;
}

/* Until its listening socket is shut. */
static void *accept_all(void *nothing)
{
    static pthread_t threads[CONNECTIONS_MAX];
    int n = 0, fd;

    (void)nothing;
    while (n < CONNECTIONS_MAX && (fd = accept(origin.fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&connections, 1);
        if (pthread_create(&threads[n], NULL, serve, (void *)(intptr_t)fd) == 0)
            n++;
        else
            close(fd);
    }
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

/* ---- The clients ---- */

/* One life: a header, and some requests; the last answer may not be waited for. */
static bool live(unsigned client, unsigned number, unsigned *seed)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)weir.port)};
    struct timeval patience = {.tv_sec = t_timeout_ms() / 1000};
    unsigned requests = 1 + (unsigned)rand_r(seed) % REQUESTS_MAX;
    bool breaks_off = rand_r(seed) % 8 == 0, is_good = true;
    struct lines lines = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    char text[LINE_MAX_BYTES], answer[LINE_MAX_BYTES];

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(lines.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(lines.fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        return false;
    snprintf(text, sizeof(text), "PROXY TCP4 10.1.2.%u 192.0.2.8 %u 443\r\n", client,
             1000 + number);
    is_good = send_all(lines.fd, text);
    for (unsigned i = 0; is_good && i < requests; i++) {
        snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\nHost: h\r\nClient: 10.1.2.%u:%u\r\n\r\n",
                 i, client, 1000 + number);
        is_good = send_all(lines.fd, text);
        if (breaks_off && i + 1 == requests)
            break;
        is_good = is_good && read_to(&lines, "\r\n\r\nok", answer) &&
                  strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0;
    }
    close(lines.fd);
    return is_good;
}

static void *live_all(void *argument)
{
    unsigned client = (unsigned)(intptr_t)argument, seed = 7 + client;

    for (unsigned i = 0; i < LIVES; i++) {
        if (!live(client, i, &seed))
            atomic_fetch_add(&failed, 1);
    }
    return NULL;
}

static void run(const char *pool)
{
    pthread_t accepting, clients[CLIENTS];

    t_origin_open(&origin);
    t_weir_start_shape(&weir,
                       &(struct t_shape){
                           .workers = 4,
                           .port = origin.port,
                           .listener = "    proxy_protocol: on\n    trusted_peers: [127.0.0.1]\n",
                           .pool = pool,
                       });
    fcntl(origin.fd, F_SETFL, 0);
    pthread_create(&accepting, NULL, accept_all, NULL);
    for (intptr_t i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, live_all, (void *)(i + 1));
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    cr_expect_eq(mixed, 0, "%d of %d requests: %s", mixed, served, first_wrong);
    cr_expect_eq(unannounced, 0);
    cr_expect_eq(failed, 0, "%d lives of clients failed", failed);
    cr_expect_geq(served, CLIENTS * LIVES / 2);
    cr_log_info("%d requests on %d connections", served, connections);
    /* With its last client every connection has gone. */
    t_pool_await(&weir, "connections/idle", 0);
    t_pool_assert(&weir, "connections/stolen", 0);
    t_weir_end(&weir);
    shutdown(origin.fd, SHUT_RDWR);
    pthread_join(accepting, NULL);
}

Test(proxy_header_never_mixed, among_few_connections)
{
    run("    connections: {send_proxy: v1, max: 5}\n    queue: {timeout: 60s}\n");
}

Test(proxy_header_never_mixed, among_enough_connections)
{
    run("    connections: {send_proxy: v1}\n");
}

Test(proxy_header_never_mixed, where_few_may_be_idle_and_none_is_shared)
{
    run("    connections: {send_proxy: v1, max: 12, max_idle: 3, share: false, max_age: 50ms}\n"
        "    queue: {timeout: 60s}\n");
}
