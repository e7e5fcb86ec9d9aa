/* A server that waits for acknowledgements gets them at once; others are left alone. */
#include "support/t_ask.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MANY_ROUNDS = 400, LEARNED_ROUNDS = 12, FEW_ROUNDS = 40, SLOW_MS = 35, SIGNS = 3 };

struct scene {
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *client, *upstream;
    int n_slow; /* rounds in which something may have been as late as an acknowledgement can be */
};

static bool is_learned(struct scene *scene)
{
    const char *path = t_text("pools/legacy/servers/127.0.0.1:%d/keep_alive/quick_ack",
                              scene->origin.port);
    return json_is_true(t_stats_find(t_stats(&scene->weir), path));
}

static int64_t quick_acks(struct scene *scene)
{
    return t_pool_number(&scene->weir, "connections/quick_acks");
}

static void open_scene(struct scene *scene)
{
    t_origin_open(&scene->origin);
    t_weir_start_shape(&scene->weir, &(struct t_shape){.port = scene->origin.port, .workers = 1});
    scene->client = t_connect(scene->weir.port);
    scene->upstream = NULL;
    scene->n_slow = 0;
}

static void set_nodelay(struct t_conn *conn, int on)
{
    cr_assert_eq(setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

/* A server that thinks: the test's own time is what it is about. */
static void think(int ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000L};
    nanosleep(&time, NULL);
}

/* One request on the kept connections, answered by PIECES, each one write. */
struct answer {
    const char *pieces[16]; /* ended by null */
    bool nodelay;
    int thinks_ms; /* before each piece but the first */
};

static void play(struct scene *scene, const struct answer *answer)
{
    int64_t since_ms = t_now_ms();
    t_send(scene->client, "GET /parts HTTP/1.1\r\nHost: h\r\n\r\n");
    if (!scene->upstream) {
        scene->upstream = t_accept(&scene->origin);
        set_nodelay(scene->upstream, answer->nodelay);
    }
    t_read_request(scene->upstream);
    for (int i = 0; answer->pieces[i]; i++) {
        if (i > 0 && answer->thinks_ms)
            think(answer->thinks_ms);
        t_send(scene->upstream, answer->pieces[i]);
    }
    cr_assert_eq(t_read_response(scene->client, "GET")->status, 200);
    scene->n_slow += t_now_ms() - since_ms >= SLOW_MS;
}

static void close_scene(struct scene *scene)
{
    t_close(scene->client);
    t_pool_assert(&scene->weir, "connections/opened", 1);
    t_weir_end(&scene->weir);
}

static const struct answer waiting[] = {
    {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "body"}},
    {.pieces = {"HTTP/1.1 200 OK\r\n", "Content-Length: 4\r\n", "\r\n", "b", "o", "d", "y"}},
    {.pieces = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nbody\r\n",
                "0\r\n\r\n"}},
};

/* Rounds until it is learned: three late answers and five prompt ones when nothing else is slow. */
static int learn(struct scene *scene, const struct answer *answer)
{
    int rounds = 0;

    while (rounds < MANY_ROUNDS && !is_learned(scene)) {
        for (int i = 0; i < 4; i++, rounds++)
            play(scene, answer);
    }
    cr_assert(is_learned(scene), "not learned after %d answers", rounds);
    return rounds;
}

Test(quick_acks, head_and_body_apart)
{
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
        struct scene scene;
        open_scene(&scene);

        int rounds = learn(&scene, &waiting[i]);
        int64_t before = quick_acks(&scene);
        cr_assert_geq(before, 5);
        cr_assert_leq(before, rounds - 3, "three were needed to notice");
        /* One that weir was too busy to see in parts is not counted. */
        for (int k = 0; k < MANY_ROUNDS && quick_acks(&scene) < before + LEARNED_ROUNDS; k++)
            play(&scene, &waiting[i]);
        cr_assert_geq(quick_acks(&scene), before + LEARNED_ROUNDS);
        close_scene(&scene);
    }
}

/* The kernel's own count of acknowledgements that it sent late, in this network namespace. */
static long delayed_acks(void)
{
    FILE *file = fopen("/proc/self/net/netstat", "r");
    char names[8192], values[8192];
    long found = -1;

    cr_assert(file);
    while (found < 0 && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
        char *name_at, *value_at;
        char *name = strtok_r(names, " \n", &name_at), *value = strtok_r(values, " \n", &value_at);

        for (; name && value;
             name = strtok_r(NULL, " \n", &name_at), value = strtok_r(NULL, " \n", &value_at)) {
            if (strcmp(name, "DelayedACKs") == 0)
                found = strtol(value, NULL, 10);
        }
    }
    fclose(file);
    cr_assert_geq(found, 0);
    return found;
}

/* A network of the test's own, with nothing but a loopback. False: it may not. */
static bool leave_network(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd;

    if (unshare(CLONE_NEWNET) != 0)
        return false;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
    return true;
}

Test(quick_acks, the_kernel_delays_none)
{
    struct scene scene;
    long before, learning;

    if (!leave_network())
        cr_skip_test("needs to be root, for a network of its own");
    open_scene(&scene);
    before = delayed_acks();
    learn(&scene, &waiting[0]);
    learning = delayed_acks();
    cr_assert_geq(learning - before, 3);
    /* Of the client's or the origin's, when this process had to wait for its turn: then a round is
     * slow as well. Those that are not were acknowledged at once. */
    int n_prompt = 0;
    for (int i = 0; i < MANY_ROUNDS && n_prompt < FEW_ROUNDS; i++) {
        int n_slow = scene.n_slow;
        learning = delayed_acks();
        play(&scene, &waiting[0]);
        n_prompt += scene.n_slow == n_slow && delayed_acks() == learning;
    }
    t_assert_number("prompt rounds without one", n_prompt, FEW_ROUNDS);
    close_scene(&scene);
}

static const struct answer content[] = {
    {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"}},
    {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"}, .nodelay = true},
    {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "body"}, .nodelay = true},
    {.pieces = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nbody\r\n",
                "0\r\n\r\n"},
     .nodelay = true},
};

Test(quick_acks, not_where_nobody_waits)
{
    for (size_t i = 0; i < sizeof(content) / sizeof(content[0]); i++) {
        struct scene scene;
        open_scene(&scene);

        for (int k = 0; k < FEW_ROUNDS; k++)
            play(&scene, &content[i]);
        /* On a machine that is late with each step, it looks as if they waited. */
        if (scene.n_slow < SIGNS) {
            cr_assert_not(is_learned(&scene));
            cr_assert_eq(quick_acks(&scene), 0);
        }
        close_scene(&scene);
    }
}

/* What looks like it is tried, and given up when answers are as late as before. */
Test(quick_acks, not_where_the_server_itself_takes_as_long)
{
    static const struct answer slow = {
        .pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "body"},
        .nodelay = true,
        .thinks_ms = 44};
    struct scene scene;
    int64_t tried = 0, before = -1;

    open_scene(&scene);
    /* A busy machine hides signs: given up is it once nothing has been tried in a while. */
    for (int rounds = 0; rounds < MANY_ROUNDS && (tried < 3 || tried != before);) {
        before = tried;
        for (int i = 0; i < LEARNED_ROUNDS; i++, rounds++)
            play(&scene, &slow);
        tried = quick_acks(&scene);
    }
    cr_assert_geq(tried, 3);
    cr_assert_eq(tried, before);
    cr_assert_not(is_learned(&scene));
    close_scene(&scene);
}

/* The body's end is the connection's: closing sends what was held back. */
Test(quick_acks, not_for_bodies_until_the_close)
{
    struct scene scene;
    open_scene(&scene);

    for (int i = 0; i < FEW_ROUNDS; i++) {
        struct t_conn *client = t_ask(&scene.weir, "GET", "/", NULL);
        struct t_conn *upstream = t_accept(&scene.origin);
        set_nodelay(upstream, 0);
        t_read_request(upstream);
        t_send(upstream, "HTTP/1.1 200 OK\r\n\r\n");
        t_send(upstream, "bo");
        t_send(upstream, "dy");
        t_close(upstream);
        t_assert_text(t_await_answer(client, "GET", 200)->body, "body");
    }
    cr_assert_not(is_learned(&scene));
    cr_assert_eq(quick_acks(&scene), 0);
    t_close(scene.client);
    t_weir_end(&scene.weir);
}
