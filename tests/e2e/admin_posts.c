/* Nothing changes by anything but a POST, and by no POST without the token. */
#include "support/t_ask.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct t_origin origin;
static struct t_weir weir;

static void open_both(bool token)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port, .token = token});
}

/* Sends BYTES, and the answer must have STATUS. */
static struct t_message *say(const char *bytes, int status)
{
    struct t_conn *admin = t_connect(weir.admin_port);
    t_send(admin, bytes);
    struct t_message *answer = t_read_response(admin, strncmp(bytes, "HEAD", 4) ? "GET" : "HEAD");
    if (answer->status != status)
        t_fail("the status is %d, and should be %d: %s", answer->status, status, answer->body);
    t_reset(admin);
    return answer;
}

static struct t_message *post(const char *target, const char *fields, int status)
{
    return say(t_text("POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, fields), status);
}

#define SHOWN "Authorization: Bearer " T_TOKEN "\r\n"

static const char *const targets[] = {"/reload", "/reload/dry-run", "/drain", "/pools/legacy/pause",
                                      "/pools/legacy/servers/127.0.0.1:1/down"};
enum { TARGETS = sizeof(targets) / sizeof(targets[0]) };

Test(admin_posts, without_a_token_file_none_are_taken)
{
    open_both(false);
    for (int i = 0; i < TARGETS; i++)
        t_assert_contains(post(targets[i], SHOWN, 403)->body, "admin.token_file");
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

Test(admin_posts, without_the_token_none_are_taken)
{
    static const char *const wrong[] = {
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Bearer " T_TOKEN "x\r\n",
        "Authorization: Bearer a-token-of-the-test\r\n",
        "Authorization: Bearer " T_TOKEN T_TOKEN "\r\n",
        "Authorization: Basic " T_TOKEN "\r\n",
        "Authorization: " T_TOKEN "\r\n",
        "X-Authorization: Bearer " T_TOKEN "\r\n",
        SHOWN SHOWN,
        "Authorization: Bearer wrong\r\n" SHOWN,
    };
    open_both(true);
    for (int i = 0; i < TARGETS; i++) {
        for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
            struct t_message *answer = post(targets[i], wrong[k], 401);
            t_assert_contains(t_field(answer, "WWW-Authenticate"), "Bearer");
        }
    }
    cr_assert(json_is_false(t_stats_find(t_stats(&weir), "pools/legacy/paused")));
    t_stats_assert(&weir, "weir/generation", 1);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

Test(admin_posts, other_methods_change_nothing)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    open_both(true);
    for (int i = 0; i < TARGETS; i++) {
        for (size_t k = 0; k < sizeof(methods) / sizeof(methods[0]); k++) {
            struct t_conn *admin = t_connect(weir.admin_port);
            t_sendf(admin, "%s %s HTTP/1.1\r\nHost: h\r\n" SHOWN "\r\n", methods[k], targets[i]);
            struct t_message *answer = t_read_response(admin, methods[k]);
            t_assert_number("status", answer->status, 405);
            t_assert_text(t_field(answer, "Allow"), "POST");
        }
    }
    t_assert_text(t_field(post("/stats", SHOWN, 405), "Allow"), "GET, HEAD");
    t_stats_assert(&weir, "weir/generation", 1);
    t_weir_end(&weir);
}

Test(admin_posts, wrong_paths)
{
    static const char *const wrong[] = {
        "/pools",
        "/pools/legacy",
        "/pools/legacy/",
        "/pools/legacy/stop",
        "/pools/legacy/pause/",
        "/pools/legacy/pause/now",
        "/pools//pause",
        "/pools/nowhere/pause",
        "/pools/%zz/pause",
        "/pools/legacy%00/pause",
        "/pools/legacy/servers/127.0.0.1:1/up",
        "/pools/legacy/servers/127.0.0.1:1/pause",
        "/pools/legacy/servers/up",
        "/reload/",
        "/drain/now",
    };
    open_both(true);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        post(wrong[i], SHOWN, 404);
    char *name = t_alloc(4001);
    memset(name, 'a', 4000);
    post(t_text("/pools/%s/pause", name), SHOWN, 404);
    t_weir_end(&weir);
}

Test(admin_posts, a_body_is_read_and_ignored)
{
    open_both(true);
    post("/pools/legacy/flush", SHOWN "Content-Length: 0\r\n", 200);
    say("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n" SHOWN "Content-Length: 3\r\n\r\nabc",
        200);
    post("/pools/legacy/flush", SHOWN "Content-Length: 10000000\r\n", 413);
    post("/pools/legacy/flush", SHOWN "Transfer-Encoding: chunked\r\n", 411);
    post("/pools/legacy/flush", SHOWN "Content-Length: 1\r\nContent-Length: 2\r\n", 400);

    /* It is not answered before the body is here, however it comes. */
    struct t_conn *admin = t_connect(weir.admin_port);
    t_send(admin, "POST /reload HTTP/1.1\r\nHost: h\r\n" SHOWN "Content-Length: 20000\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        t_stats_assert(&weir, "weir/generation", 1);
        char *part = t_alloc(5001);
        memset(part, 'x', 5000);
        t_send(admin, part);
    }
    t_assert_number("status", t_read_response(admin, "POST")->status, 202);
    t_stats_await(&weir, "weir/generation", 2);
    t_weir_end(&weir);
}

Test(admin_posts, reload_says_how_it_went)
{
    struct t_shape shape = {.token = true};
    t_origin_open(&origin);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    t_assert_contains(post("/reload", SHOWN, 202)->body, "generation 2");
    shape.pool = "    flow: 1\n";
    t_weir_reshape(&weir, &shape);
    struct t_message *answer = post("/reload", SHOWN, 422);
    t_assert_contains(answer->body, "weir.yaml:");
    t_assert_contains(answer->body, "`flow`");
    t_stats_await(&weir, "weir/generation", 2);
    t_weir_end(&weir);
}

/* The token is read again with the configuration, and not used before all of it is in force. */
Test(admin_posts, a_reload_brings_the_token_that_is_now_in_the_file)
{
    open_both(true);
    t_write_file("token", "\n");
    t_assert_contains(post("/reload", SHOWN, 422)->body, "is empty");
    t_write_file("token", "two words");
    t_assert_contains(post("/reload", SHOWN, 422)->body, "one word");
    t_write_file("token", "the-next-one \r\n\n");
    post("/reload", SHOWN, 202);
    post("/reload", SHOWN, 401);
    post("/reload", "authorization:  bearer  the-next-one\r\n", 202);
    t_weir_end(&weir);
}

Test(admin_posts, drain_is_answered)
{
    open_both(true);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL), *upstream = t_accept(&origin);
    t_read_request(upstream);
    post("/drain", SHOWN, 202);
    post("/drain", SHOWN, 202);
    t_assert_number("status", t_admin(&weir, "GET", "/healthz")->status, 503);
    t_assert_contains(post("/reload", SHOWN, 409)->body, "draining");
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
}

static struct t_run start_with(const char *path)
{
    return t_weir_run(
        "run", "-c",
        t_write_file("start.yaml", t_text("admin: {listen: \"127.0.0.1:%d\", token_file: \"%s\"}\n"
                                          "listeners: {web: {listen: [\"127.0.0.1:%d\"]}}\n",
                                          t_free_port(), path, t_free_port())),
        NULL);
}

Test(admin_posts, a_file_without_a_token_is_refused_at_the_start)
{
    struct t_run run = start_with("/nowhere/token");
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "admin.token_file: /nowhere/token cannot be read: No such file");
    run = start_with(t_dir());
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "cannot be read: Is a directory");
    run = start_with(t_write_file("empty", " \n"));
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "is empty");
}

Test(admin_posts, a_token_that_everybody_can_read_is_warned_of)
{
    open_both(true);
    t_assert_lacks(t_weir_log(&weir), "can be read by everybody");
    cr_assert_eq(chmod(t_path("token"), 0644), 0);
    post("/reload", SHOWN, 202);
    t_weir_await_log(&weir, "can be read by everybody");
    t_assert_lacks(t_weir_log(&weir), T_TOKEN);
    t_weir_end(&weir);
}
