#include "weir/upstream/idle.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct kept_row {
    const char *what;
    uint64_t requests, idle_since_ms; /* REQUESTS: the one that it carries now included */
    bool was_kept;
};

static struct kept_row rows[] = {
    {"opened for this request", 1, 0, false},
    {"has carried another, and was idle", 2, 500, true},
    {"has carried another, and went from hand to hand", 2, 0, true},
    {"opened ahead of need, and was idle", 1, 500, true},
    {"opened ahead of need, and went to a waiter at once", 1, 0, false},
};

ParameterizedTestParameters(upstream_kept, rows)
{
    return cr_make_param_array(struct kept_row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct kept_row *row, upstream_kept, rows)
{
    struct weir_upconn upconn = {
        .life = {.requests = row->requests, .idle_since_ms = row->idle_since_ms}};

    cr_expect_eq(weir_upconn_was_kept(&upconn), row->was_kept, "%s", row->what);
}

/* What is learned of one that has carried requests says nothing of those that have not, and the
 * other way round. */
Test(upstream_kept, unused_ones_have_a_time_of_their_own)
{
    struct weir_address address = {.len = 0};
    struct weir_server *server = weir_server_create("s", &address, 1);
    struct weir_loop loop;
    struct weir_upstream upstream = {.loop = &loop};
    struct weir_upconn unused = {
        .upstream = &upstream, .server = server, .settings = {.idle_timeout_ms = 55000}};
    struct weir_upconn used = unused;

    cr_assert_eq(weir_loop_init(&loop), 0);
    used.life.requests = 1;
    uint64_t now_ms = weir_loop_now_ms(&loop);
    weir_lesson_announced(&server->lesson, 5000, now_ms);
    cr_expect_eq(weir_idle_limit_ms(&used), 4500);
    cr_expect_eq(weir_idle_limit_ms(&unused), 55000);

    weir_lesson_closed_idle(&server->patience, 20000, 0, now_ms - 30000);
    weir_lesson_closed_idle(&server->patience, 20100, 0, now_ms);
    cr_expect_eq(weir_idle_limit_ms(&used), 4500);
    cr_expect_eq(weir_idle_limit_ms(&unused), 19000);

    weir_loop_fini(&loop);
    weir_server_unref(server);
}

/* One that the server ends unused, soon, is a setback; one that has carried a request is not. */
Test(upstream_kept, what_the_end_of_one_teaches)
{
    struct weir_address address = {.len = 0};
    struct weir_server *server = weir_server_create("s", &address, 1);
    struct weir_loop loop;
    struct weir_upstream upstream = {.loop = &loop, .random = 1};
    struct weir_upconn upconn = {.upstream = &upstream, .server = server};

    cr_assert_eq(weir_loop_init(&loop), 0);
    weir_idle_note_end(&upconn, 1000, 3);
    cr_expect_eq(atomic_load(&server->pace.wasted), 0);
    cr_expect_eq(server->lesson.n_ages, 1);
    cr_expect_eq(server->patience.n_ages, 0);

    weir_idle_note_end(&upconn, 1000, 0);
    cr_expect_eq(atomic_load(&server->pace.wasted), 1);
    cr_expect_eq(server->lesson.n_ages, 1);
    cr_expect_eq(server->patience.n_ages, 1);

    weir_idle_note_end(&upconn, 20000, 0);
    cr_expect_eq(atomic_load(&server->pace.wasted), 0);
    weir_loop_fini(&loop);
    weir_server_unref(server);
}
