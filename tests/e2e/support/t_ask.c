/* One-shot clients and plain answers. */
#define T_HARNESS
#include "t_ask.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char *yaml_of(const struct t_shape *shape)
{
    const char *servers = shape->servers ? shape->servers
                                         : t_text("[{address: \"127.0.0.1:%d\"}]", shape->port);
    return t_text("workers: %d\n"
                  "log: {to: stderr, level: debug}\n"
                  "admin: {listen: \"127.0.0.1:@admin@\"%s}\n"
                  "%s"
                  "listeners:\n"
                  "  web:\n"
                  "    listen: [\"127.0.0.1:@port@\"]\n"
                  "    pool: legacy\n"
                  "%s"
                  "pools:\n"
                  "  legacy:\n"
                  "    servers: %s\n"
                  "%s",
                  shape->workers ? shape->workers : 2,
                  shape->token ? ", token_file: \"@dir@/token\"" : "", shape->top ? shape->top : "",
                  shape->listener ? shape->listener : "", servers, shape->pool ? shape->pool : "");
}

void t_weir_start_shape(struct t_weir *weir, const struct t_shape *shape)
{
    if (shape->token)
        (void)chmod((t_write_file)("token", T_TOKEN "\n"), 0600);
    (t_weir_start)(weir, "%s", yaml_of(shape));
}

void t_weir_reshape(struct t_weir *weir, const struct t_shape *shape)
{
    (t_weir_rewrite_config)(weir, "%s", yaml_of(shape));
}

struct t_conn *t_ask(struct t_weir *weir, const char *method, const char *target,
                     const char *fields)
{
    struct t_conn *client = (t_connect)(weir->port);
    (t_sendf)(client, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s\r\n", method, target,
              fields ? fields : "");
    return client;
}

struct t_message *t_await_answer(struct t_conn *client, const char *method, int status)
{
    struct t_message *answer = (t_read_response)(client, method);
    if (answer->status != status)
        t_fail("the status is %d, and should be %d: %s", answer->status, status, answer->body);
    (t_expect_end)(client);
    t_close(client);
    return answer;
}

struct t_message *t_one_shot(struct t_weir *weir, const char *target)
{
    return t_await_answer(t_ask(weir, "GET", target, NULL), "GET", 200);
}

void t_answer(struct t_conn *upstream, const char *body)
{
    (t_sendf)(upstream, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

void t_serve(struct t_conn *upstream, const char *target)
{
    struct t_message *request = (t_read_request)(upstream);
    (t_assert_text)(request->target, target);
    t_answer(upstream, target);
}

struct t_conn *t_round(struct t_weir *weir, struct t_origin *origin, struct t_conn *upstream,
                       const char *target)
{
    struct t_conn *client = t_ask(weir, "GET", target, NULL);
    if (!upstream)
        upstream = (t_accept)(origin);
    t_serve(upstream, target);
    (t_assert_text)(t_await_answer(client, "GET", 200)->body, target);
    return upstream;
}

struct t_conn *t_order_begin(struct t_weir *weir, const char *target)
{
    struct t_conn *admin = (t_connect)(weir->admin_port);
    (t_sendf)(admin,
              "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " T_TOKEN
              "\r\nContent-Length: 0\r\n\r\n",
              target);
    return admin;
}

struct t_message *t_order_end(struct t_conn *admin, int status)
{
    struct t_message *answer = (t_read_response)(admin, "POST");
    if (answer->status != status)
        t_fail("the status is %d, and should be %d: %s", answer->status, status, answer->body);
    (t_expect_end)(admin);
    t_reset(admin);
    return answer;
}

struct t_message *t_order(struct t_weir *weir, const char *target, int status)
{
    return t_order_end(t_order_begin(weir, target), status);
}

static const char *in_pool(const char *path)
{
    return t_text("pools/legacy/%s", path);
}

void t_pool_assert(struct t_weir *weir, const char *path, int64_t value)
{
    (t_stats_assert)(weir, in_pool(path), value);
}

void t_pool_await(struct t_weir *weir, const char *path, int64_t value)
{
    (t_stats_await)(weir, in_pool(path), value);
}

int64_t t_pool_number(struct t_weir *weir, const char *path)
{
    return (t_stats_number)(weir, in_pool(path));
}

/* Are all threads in this state of /proc: S, asleep, or T, stopped? */
static bool are_all(struct t_weir *weir, char wanted)
{
    const char *path = t_text("/proc/%d/task", weir->process.pid);
    DIR *tasks = opendir(path);
    struct dirent *task;
    bool all = true;
    if (!tasks)
        t_fail("weir is gone");
    while (all && (task = readdir(tasks))) {
        char state = 0;
        FILE *stat = task->d_name[0] == '.' ? NULL
                                            : fopen(t_text("%s/%s/stat", path, task->d_name), "r");
        if (!stat)
            continue;
        all = fscanf(stat, "%*d (%*[^)]) %c", &state) == 1 && state == wanted;
        fclose(stat);
    }
    closedir(tasks);
    return all;
}

static void await_all(struct t_weir *weir, char state, const char *failure)
{
    int64_t deadline = t_deadline_ms();
    while (!are_all(weir, state)) {
        if (!t_left_ms(deadline))
            t_fail("%s", failure);
        t_nap();
    }
}

void t_weir_freeze(struct t_weir *weir)
{
    await_all(weir, 'S', "weir does not come to rest");
    (t_weir_signal)(weir, SIGSTOP);
    await_all(weir, 'T', "weir does not stop");
}

void t_weir_thaw(struct t_weir *weir)
{
    (t_weir_signal)(weir, SIGCONT);
}

void t_crowd_open(struct t_crowd *crowd, struct t_weir *weir)
{
    int64_t before = (t_stats_number)(weir, "listeners/web/connections/active");

    for (int i = 0; i < T_CROWD; i++) {
        crowd->clients[i] = (t_connect)(weir->port);
        (t_send)(crowd->clients[i], "G");
    }
    (t_stats_await)(weir, "listeners/web/connections/active", before + T_CROWD);
}

void t_crowd_speak(struct t_crowd *crowd)
{
    for (int i = 0; i < T_CROWD; i++)
        (t_send)(crowd->clients[i], "E");
}

void t_crowd_leave(struct t_crowd *crowd)
{
    for (int i = 0; i < T_CROWD; i++)
        t_reset(crowd->clients[i]);
}

/* Several looks in a row: between the kernel's taking and weir's waking there is a moment. */
static bool stays_held_back(struct t_weir *weir, struct t_conn *conn)
{
    for (int looks = 0; looks < 4; looks++) {
        if (!t_is_held_back(conn) || !are_all(weir, 'S'))
            return false;
        t_nap();
    }
    return true;
}

uint64_t t_send_until_stuck(struct t_weir *weir, struct t_conn *conn, const void *data, size_t size,
                            uint64_t max)
{
    int64_t deadline = t_deadline_ms();
    uint64_t done = 0, before;
    do {
        before = done;
        if (!(t_send_until_full)(conn, data, size, &done, max))
            return done;
        if (!t_left_ms(deadline))
            t_fail("%s does not get stuck: %llu bytes", conn->name, (unsigned long long)done);
    } while (done != before || !stays_held_back(weir, conn));
    return done;
}

uint64_t t_send_pattern_until_stuck(struct t_weir *weir, struct t_conn *conn, uint64_t max)
{
    char *piece = t_alloc(T_PATTERN_PERIOD);
    t_pattern_fill(piece, T_PATTERN_PERIOD, 0);
    return (t_send_until_stuck)(weir, conn, piece, T_PATTERN_PERIOD, max);
}

static void *run(void *user)
{
    struct t_load_beside *beside = user;
    beside->result = t_load_run(&beside->load);
    return NULL;
}

void t_load_start(struct t_load_beside *beside)
{
    if (pthread_create(&beside->thread, NULL, run, beside) != 0)
        t_fail("cannot start a thread");
}

void t_load_join(struct t_load_beside *beside)
{
    pthread_join(beside->thread, NULL);
}
