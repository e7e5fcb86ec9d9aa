/* A gigabyte through weir in either direction, to a reader that is slow, does not make it grow.
 * ctest: serial */
#include "support/t_ask.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ASan and TSan keep several times what the program does, so the promise is told two ways: the
 * resident size stays below 30 MiB where weir is built without a sanitizer; and, in any build, it
 * grows by less than 2 MiB between the first 64 MiB and the last of the gigabyte. What ASan holds
 * back of freed memory, to find uses of it, is cut to nearly nothing here. */
enum { WARM_MIB = 64, RESIDENT_KIB_MAX = 30 * 1024, GROWTH_KIB_MAX = 2 * 1024 };
enum { SMALL_BUFFER = 65536, READERS = 40 };
#define MIB (1024ull * 1024)
#define BODY_BYTES (1024 * MIB)

/* What sockets' buffers may swallow on the way, by the kernel's limits (tcp_rmem, tcp_wmem). */
#define SWALLOWED_MAX (64 * MIB)

static bool is_sanitized(const struct t_weir *weir)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen(t_text("/proc/%d/maps", weir->process.pid), "r");
    cr_assert_not_null(maps);
    while (!found && fgets(line, sizeof(line), maps))
        found = strstr(line, "libasan") || strstr(line, "libtsan");
    fclose(maps);
    return found;
}

static void start(struct t_weir *weir, int origin_port)
{
    const char *options = getenv("ASAN_OPTIONS");
    setenv("ASAN_OPTIONS",
           t_text("%s:quarantine_size_mb=1:thread_local_quarantine_size_kb=16",
                  options ? options : ""),
           1);
    t_weir_start_shape(weir, &(struct t_shape){.workers = 1, .port = origin_port});
}

static void assert_small(struct t_weir *weir, long warm_kib)
{
    long most_kib = t_process_resident_kib_max(&weir->process);
    cr_assert_lt(most_kib - warm_kib, GROWTH_KIB_MAX, "it grew from %ld to %ld KiB", warm_kib,
                 most_kib);
    if (!is_sanitized(weir))
        cr_assert_lt(most_kib, RESIDENT_KIB_MAX, "it reached %ld KiB", most_kib);
}

/* Reads the gigabyte that has begun on READER. */
static void read_all(struct t_weir *weir, struct t_conn *reader)
{
    t_expect_pattern(reader, WARM_MIB * MIB, 0);
    long warm_kib = t_process_resident_kib_max(&weir->process);
    t_expect_pattern(reader, BODY_BYTES - WARM_MIB * MIB, WARM_MIB * MIB);
    assert_small(weir, warm_kib);
}

static void download(const char *framing)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, framing);
    start(&weir, origin.port);

    struct t_conn *client = t_connect_small(weir.port, SMALL_BUFFER);
    t_sendf(client, "GET /?size=%lluMiB HTTP/1.0\r\n\r\n", BODY_BYTES / MIB);
    t_assert_contains(t_read_head(client), " 200 OK");
    read_all(&weir, client);
    t_expect_end(client);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(backpressure, a_gigabyte_to_the_client)
{
    download("framing=length");
}

Test(backpressure, a_gigabyte_of_chunks_to_the_client)
{
    download("framing=chunked");
}

/* Sends the gigabyte from a thread of its own. */
static void *send_all(void *user)
{
    struct t_conn *client = user;
    static char piece[T_PATTERN_PERIOD];
    t_pattern_fill(piece, sizeof(piece), 0);
    for (uint64_t done = 0; done < BODY_BYTES;) {
        size_t at = done % sizeof(piece), len = sizeof(piece) - at;
        if (len > BODY_BYTES - done)
            len = BODY_BYTES - done;
        struct pollfd writable = {.fd = client->fd, .events = POLLOUT};
        poll(&writable, 1, t_timeout_ms());
        ssize_t sent = send(client->fd, piece + at, len, MSG_NOSIGNAL);
        if (sent < 0)
            return "the client cannot send";
        done += (uint64_t)sent;
    }
    return NULL;
}

Test(backpressure, a_gigabyte_to_the_server)
{
    struct t_origin origin;
    struct t_weir weir;
    pthread_t thread;
    void *trouble = NULL;
    t_origin_open(&origin);
    start(&weir, origin.port);

    struct t_conn *client = t_ask(&weir, "POST", "/",
                                  t_text("Content-Length: %llu\r\n", BODY_BYTES));
    struct t_conn *upstream = t_accept(&origin);
    t_assert_contains(t_read_head(upstream), "POST / ");
    cr_assert_eq(pthread_create(&thread, NULL, send_all, client), 0);
    read_all(&weir, upstream);
    pthread_join(thread, &trouble);
    cr_assert_null(trouble, "%s", (const char *)trouble);
    t_answer(upstream, "ok");
    t_await_answer(client, "POST", 200);
    t_weir_end(&weir);
}

/* A reader that stops, stops its sender: what was sent lies in the sockets, not in weir. */
Test(backpressure, a_client_that_stops_stops_the_server)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    start(&weir, origin.port);

    struct t_conn *client = t_connect_small(weir.port, SMALL_BUFFER);
    t_send(client, "GET / HTTP/1.0\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    uint64_t sent = t_send_pattern_until_stuck(&weir, upstream, BODY_BYTES);
    cr_assert_lt(sent, SWALLOWED_MAX);
    t_half_close(upstream);
    t_assert_contains(t_read_head(client), " 200 OK");
    t_expect_pattern(client, sent, 0);
    t_expect_end(client);
    t_weir_end(&weir);
}

Test(backpressure, a_server_that_stops_stops_the_client)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    start(&weir, origin.port);

    struct t_conn *client = t_ask(&weir, "POST", "/",
                                  t_text("Content-Length: %llu\r\n", BODY_BYTES));
    struct t_conn *upstream = t_accept(&origin);
    uint64_t sent = t_send_pattern_until_stuck(&weir, client, BODY_BYTES);
    cr_assert_lt(sent, SWALLOWED_MAX);
    t_assert_contains(t_read_head(upstream), "POST / ");
    t_expect_pattern(upstream, sent, 0);
    t_reset(client);
    t_expect_any_end(upstream);
    t_weir_end(&weir);
}

/* Many that stop at once cost a block or two each. */
Test(backpressure, many_readers_that_stop)
{
    struct t_real_origin origin;
    struct t_weir weir;
    struct t_conn *clients[READERS];
    t_real_origin_start(&origin, "size=16MiB");
    start(&weir, origin.port);

    t_assert_number("size", (int64_t)t_one_shot(&weir, "/?size=1MiB")->body_len, (int64_t)MIB);
    long before_kib = t_process_resident_kib_max(&weir.process);
    for (int i = 0; i < READERS; i++) {
        clients[i] = t_connect_small(weir.port, SMALL_BUFFER);
        t_send(clients[i], "GET / HTTP/1.0\r\n\r\n");
        t_assert_contains(t_read_head(clients[i]), " 200 OK");
    }
    long grown_kib = t_process_resident_kib_max(&weir.process) - before_kib;
    cr_assert_lt(grown_kib, READERS * (is_sanitized(&weir) ? 256 : 64), "it grew by %ld KiB",
                 grown_kib);
    for (int i = 0; i < READERS; i++) {
        t_expect_pattern(clients[i], 16 * MIB, 0);
        t_expect_end(clients[i]);
    }
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
