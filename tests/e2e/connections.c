/* /connections has a row for each upstream connection, and the bytes of those that were poisoned.
 */
#include "support/t_ask.h"
#include "support/t_schema.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static struct t_origin origin;
static struct t_weir weir;

/* As its schema says. */
static json_t *parse(struct t_message *answer)
{
    json_error_t error;
    t_assert_number("GET /connections", answer->status, 200);
    t_assert_text(t_field(answer, "Content-Type"), "application/json");
    json_t *listing = json_loadb(answer->body, answer->body_len, JSON_REJECT_DUPLICATES, &error);
    if (!listing)
        t_fail("not JSON: %s at line %d\n%s", error.text, error.line, answer->body);
    t_schema_assert(t_schema_load("docs/connections.schema.json"), listing);
    return t_keep(listing);
}

/* Until so many workers did not come around in time: on a busy machine it may be more at first. */
static json_t *look_without(size_t n_missing)
{
    int64_t deadline = t_deadline_ms();
    json_t *listing;

    do {
        cr_assert(t_left_ms(deadline), "not %zu workers are missing", n_missing);
        listing = parse(t_admin(&weir, "GET", "/connections"));
    } while (json_array_size(json_object_get(listing, "missing_workers")) != n_missing);
    return listing;
}

static json_t *look(void)
{
    return look_without(0);
}

static json_t *rows(json_t *listing)
{
    return json_object_get(listing, "connections");
}

static int64_t number(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static const char *text(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

Test(connections, a_row_a_connection)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 3, .port = origin.port});
    t_assert_number("none", (int64_t)json_array_size(rows(look())), 0);

    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/first");
    t_round(&weir, &origin, upstream, "/second");
    struct t_conn *client = t_ask(&weir, "GET", "/third", NULL);
    t_read_request(upstream);
    json_t *listing = look(), *row = json_array_get(rows(listing), 0);
    t_assert_number("rows", (int64_t)json_array_size(rows(listing)), 1);
    t_assert_text(text(row, "state"), "active");
    t_assert_text(text(row, "pool"), "legacy");
    t_assert_text(text(row, "server"), t_text("127.0.0.1:%d", origin.port));
    t_assert_number("requests", number(row, "requests"), 3);
    cr_assert(json_is_null(json_object_get(row, "idle_ms")));
    cr_assert_gt(number(row, "rtt_us"), 0);
    cr_assert_lt(number(row, "worker"), 3);

    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_weir_assert_no_leak(&weir);
    json_t *later = json_array_get(rows(look()), 0);
    t_assert_text(text(later, "state"), "idle");
    t_assert_number("id", number(later, "id"), number(row, "id"));
    cr_assert_geq(number(later, "age_ms"), number(row, "age_ms"));
    cr_assert_leq(number(later, "idle_ms"), number(later, "age_ms"));
    cr_assert_gt(number(later, "bytes_in"), number(row, "bytes_in"));
    t_assert_number("bytes_out", number(later, "bytes_out"), number(row, "bytes_out"));
    t_stats_assert(&weir, t_text("pools/legacy/servers/127.0.0.1:%d/connections/idle", origin.port),
                   1);
    t_weir_end(&weir);
}

/* Every one that is open, each once, whichever worker took it from whichever. */
Test(connections, each_once_under_load)
{
    struct t_real_origin real;
    t_real_origin_start(&real, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = real.port,
                                                .pool = "    connections: {max_requests: 9}\n"});
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 20, .requests = 3000, .reset_clients = true}};
    t_load_start(&beside);
    for (int64_t total = 0; total < 2500; total = t_pool_number(&weir, "requests/total"))
        look();
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_assert_no_leak(&weir);

    json_t *listing = look(), *row, *seen = t_keep(json_object());
    size_t i;
    t_assert_number("rows", (int64_t)json_array_size(rows(listing)),
                    t_pool_number(&weir, "connections/idle"));
    json_array_foreach(rows(listing), i, row)
    {
        const char *id = t_text("%lld", (long long)number(row, "id"));
        cr_assert_null(json_object_get(seen, id), "%s is there twice", id);
        json_object_set_new(seen, id, json_true());
    }
    cr_assert(json_is_false(json_object_get(listing, "truncated")));
    t_weir_end(&weir);
    t_real_origin_stop(&real);
}

static json_t *poisoned(size_t index)
{
    return json_array_get(json_object_get(look(), "poisoned"), index);
}

Test(connections, the_bytes_of_a_poisoned_one)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});
    cr_assert_null(poisoned(0));

    /* While it is idle. */
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/first");
    t_send(upstream, "HTTP/1.1 408 \\ \"x\"\r\n\t\x01\xff");
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/poisoned", 1);
    json_t *row = poisoned(0);
    t_assert_text(text(row, "bytes"), "HTTP/1.1 408 \\\\ \"x\"\\r\\n\\t\\x01\\xff");
    t_assert_text(text(row, "hex"), "485454502f312e3120343038205c202278220d0a0901ff");
    t_assert_text(text(row, "pool"), "legacy");
    t_assert_text(text(row, "server"), t_text("127.0.0.1:%d", origin.port));

    /* Right behind an answer, and more than is kept. */
    struct t_conn *client = t_ask(&weir, "GET", "/second", NULL);
    upstream = t_accept(&origin);
    t_read_request(upstream);
    char stray[101];
    memset(stray, 'a', 100);
    stray[100] = 0;
    t_send(upstream, t_text("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx%s", stray));
    t_await_answer(client, "GET", 200);
    t_pool_await(&weir, "connections/closed/poisoned", 2);
    stray[64] = 0;
    t_assert_text(text(poisoned(0), "bytes"), stray);
    t_assert_contains(text(poisoned(1), "bytes"), "408");
    t_weir_end(&weir);
}

/* Only the last ones are kept; and they hold nothing back when their server goes. */
Test(connections, few_poisoned_ones_are_kept)
{
    t_origin_open(&origin);
    struct t_shape shape = {.workers = 1, .port = origin.port};
    t_weir_start_shape(&weir, &shape);
    for (int i = 1; i <= 20; i++) {
        struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
        t_send(upstream, t_text("number %d", i));
        t_expect_any_end(upstream);
        t_pool_await(&weir, "connections/closed/poisoned", i);
    }
    t_assert_text(text(poisoned(0), "bytes"), "number 20");
    t_assert_text(text(poisoned(15), "bytes"), "number 5");
    cr_assert_null(poisoned(16));
    shape.port = t_free_port();
    t_weir_reshape(&weir, &shape);
    t_process_signal(&weir.process, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    t_assert_text(text(poisoned(0), "server"), t_text("127.0.0.1:%d", origin.port));
    t_weir_end(&weir);
}

Test(connections, the_page)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    struct t_message *answer = t_admin(&weir, "HEAD", "/connections");
    t_assert_number("HEAD", answer->status, 200);
    t_assert_number("body", (int64_t)answer->body_len, 0);
    answer = t_admin(&weir, "POST", "/connections");
    t_assert_number("POST", answer->status, 405);
    /* Many at once are answered, each whole or with a refusal. */
    struct t_conn *conns[20];
    for (int i = 0; i < 20; i++) {
        conns[i] = t_connect(weir.admin_port);
        t_send(conns[i], "GET /connections HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    for (int i = 0; i < 20; i++) {
        answer = t_read_response(conns[i], "GET");
        if (answer->status != 503)
            parse(answer);
    }
    /* Who leaves at once leaves nothing behind. */
    for (int i = 0; i < 20; i++) {
        struct t_conn *conn = t_connect(weir.admin_port);
        t_send(conn, "GET /connections HTTP/1.1\r\nHost: h\r\n\r\n");
        t_reset(conn);
    }
    int64_t deadline = t_deadline_ms();
    do {
        answer = t_admin(&weir, "GET", "/connections");
    } while (answer->status == 503 && t_left_ms(deadline));
    parse(answer);
    t_weir_end(&weir);
}

/* The thread of weir's that has this name. */
static pid_t find_thread(const char *name)
{
    const char *path = t_text("/proc/%d/task", (int)weir.process.pid);
    DIR *tasks = opendir(path);
    struct dirent *entry;
    pid_t found = 0;

    cr_assert_not_null(tasks);
    while (!found && (entry = readdir(tasks))) {
        FILE *file = fopen(t_text("%s/%s/comm", path, entry->d_name), "re");
        char text[32] = "";
        if (file && fgets(text, sizeof(text), file) && strcmp(text, t_text("%s\n", name)) == 0)
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        if (file)
            fclose(file);
    }
    closedir(tasks);
    cr_assert_gt(found, 0, "no thread is called %s", name);
    return found;
}

/* A worker that does not come around: the others' rows are there, and it is named. */
Test(connections, a_worker_that_is_stuck_is_missing)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 2, .port = origin.port});
    t_round(&weir, &origin, NULL, "/");
    t_weir_assert_no_leak(&weir);
    int64_t owner = number(json_array_get(rows(look()), 0), "worker");

    for (int stuck = 0; stuck < 2; stuck++) {
        pid_t thread = find_thread(t_text("weir-worker-%d", stuck));
        if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0)
            cr_skip_test("no thread can be stopped here: %s", strerror(errno));
        cr_assert_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
        cr_assert_eq(waitpid(thread, NULL, __WALL), thread);
        json_t *listing = look_without(1), *missing = json_object_get(listing, "missing_workers");
        t_assert_number("it", json_integer_value(json_array_get(missing, 0)), stuck);
        t_assert_number("rows", (int64_t)json_array_size(rows(listing)), owner != stuck);
        t_assert_number("health", t_admin(&weir, "GET", "/healthz")->status, 200);
        t_assert_number("metrics", t_admin(&weir, "GET", "/metrics")->status, 200);
        t_pool_assert(&weir, "connections/idle", 1);
        cr_assert_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
        listing = look();
        t_assert_number("all", (int64_t)json_array_size(rows(listing)), 1);
    }
    t_weir_end(&weir);
}
