/* The admin endpoint at a Unix socket: its mode keeps others out, and who gets in may command
 * without a token where none is set. */
#include "support/t_ask.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct t_weir weir;
static struct t_origin origin;
static char *path;

static void start(const char *admin)
{
    path = t_path("admin.sock");
    t_origin_open(&origin);
    t_write_file("token", T_TOKEN "\n");
    t_weir_start(&weir,
                 "workers: 1\nadmin: {listen: \"unix:%s\"%s}\n" T_WEIR_LISTENER
                 "pools: {legacy: {servers: [{address: \"127.0.0.1:%d\"}]}}\n",
                 path, admin ? admin : "", origin.port);
}

static struct t_message *say(const char *bytes)
{
    struct t_conn *admin = t_connect_unix(path);
    t_send(admin, bytes);
    struct t_message *answer = t_read_response(admin, "GET");
    t_close(admin);
    return answer;
}

Test(unix_admin, nobody_but_its_user_may_connect)
{
    start(NULL);
    t_assert_number("mode", t_socket_mode(path), 0600);
    t_weir_stop(&weir);
    t_assert_number("connect", t_try_unix(path), ENOENT);
    start(", socket_mode: 0660");
    t_assert_number("mode", t_socket_mode(path), 0660);
    t_weir_stop(&weir);
}

Test(unix_admin, everybody_is_never_let_in)
{
    struct t_run run = t_weir_check("admin: {listen: \"unix:/run/weir.sock\", socket_mode: 0666}\n"
                                    "listeners: {web: {listen: \":80\"}}\n");
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, ":1:53: admin.socket_mode: `0666` would let everybody on this host "
                               "command weir; write 0600, or 0660 for a group\n");
}

/* Whatever the Host: no browser comes this way. */
Test(unix_admin, it_answers_and_takes_posts)
{
    start(NULL);
    t_assert_number("GET", say("GET /stats HTTP/1.1\r\nHost: evil.example.com\r\n\r\n")->status,
                    200);
    t_assert_number("POST",
                    say("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n"
                        "Content-Length: 0\r\n\r\n")
                        ->status,
                    200);
    t_assert_number("GET /reload", say("GET /reload HTTP/1.1\r\nHost: h\r\n\r\n")->status, 405);
    t_assert_number("POST", say("POST /reload HTTP/1.1\r\nHost: h\r\n\r\n")->status, 202);
    t_assert_number("POST", say("POST /drain HTTP/1.1\r\nHost: h\r\n\r\n")->status, 202);
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
}

Test(unix_admin, a_token_that_is_set_is_needed)
{
    start(", token_file: \"@dir@/token\"");
    t_assert_number("POST", say("POST /reload HTTP/1.1\r\nHost: h\r\n\r\n")->status, 401);
    t_assert_number("POST",
                    say("POST /reload HTTP/1.1\r\nHost: h\r\n"
                        "Authorization: Bearer " T_TOKEN "\r\n\r\n")
                        ->status,
                    202);
    t_weir_stop(&weir);
}

Test(unix_admin, a_live_one_is_not_taken_and_a_stale_one_is)
{
    start(NULL);
    struct t_run run = t_weir_run("run", "-c", weir.config, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, t_text("admin.listen: cannot listen on unix:%s: Address already in "
                                      "use; stop what listens there, or choose another path",
                                      path));
    t_assert_number("GET", say("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200);
    t_process_kill(&weir.process);
    t_assert_number("connect", t_try_unix(path), ECONNREFUSED);
    t_weir_start_args(&weir, "run", "-c", weir.config, NULL);
    t_assert_number("GET", say("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200);
    t_weir_stop(&weir);
}

Test(unix_admin, a_reload_leaves_it_alone)
{
    start(NULL);
    t_weir_rewrite_config(
        &weir,
        "workers: 1\nadmin: {listen: \"unix:%s\", socket_mode: 0660}\n" T_WEIR_LISTENER
        "pools: {legacy: {servers: [{address: \"127.0.0.1:%d\"}]}}\n",
        path, origin.port);
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_log(&weir, "`admin.socket_mode` takes effect when weir starts again");
    t_weir_await_log(&weir, "generation 2");
    t_assert_number("mode", t_socket_mode(path), 0600);
    t_assert_number("GET", say("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200);
    t_weir_stop(&weir);
}

Test(unix_admin, the_commands_reach_it)
{
    start(NULL);
    const char *admin = t_text("unix:%s", path);
    t_assert_contains(t_weir_run("stats", "-a", admin, "pools", NULL).out, "legacy");
    t_assert_contains(t_weir_run("pool", "flush", "legacy", "-a", admin, NULL).out, "closed");
    t_assert_contains(t_weir_run("reload", "-a", admin, NULL).out, "generation 2");
    t_assert_number("drain", t_weir_run("drain", "-a", admin, NULL).status, 0);
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
    struct t_run run = t_weir_run("stats", "-a", admin, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "No such file or directory; is weir running");
    t_assert_number("usage", t_weir_run("stats", "-a", "unix:relative", NULL).status, 2);
    t_assert_number("usage", t_weir_run("stats", "-a", "unix:@abstract", NULL).status, 2);
}

Test(unix_admin, curl_reaches_it)
{
    if (access("/usr/bin/curl", X_OK) != 0)
        cr_skip_test("there is no curl");
    start(NULL);
    struct t_process curl;
    t_process_start(&curl, "curl",
                    (const char *const[]){"/usr/bin/curl", "-sS", "-X", "POST", "--unix-socket",
                                          path, "http://weir/pools/legacy/reconnect", NULL},
                    false, true);
    t_assert_number("exit status", t_process_wait(&curl), 0);
    t_assert_contains(t_process_out(&curl), "legacy");
    t_weir_stop(&weir);
}

Test(unix_admin, without_a_file_too)
{
    struct t_origin server;
    char *listen = t_path("web.sock"), *app = t_path("app.sock");
    t_origin_open_unix(&server, app, 8);
    t_weir_start(&weir,
                 "admin: {listen: off}\nlisteners: {main: {listen: \"unix:%s\", pool: m}}\n"
                 "pools: {m: {servers: [{address: \"unix:%s\"}]}}\n",
                 listen, app);
    struct t_conn *client = t_connect_unix(listen);
    t_send(client, "GET / HTTP/1.0\r\n\r\n");
    struct t_conn *upstream = t_accept(&server);
    t_expect(upstream, "GET / HTTP/1.1\r\nHost: localhost\r\n");
    t_weir_signal(&weir, SIGTERM);
    t_read_until(upstream, "\r\n\r\n");
    t_answer(upstream, "x");
    t_assert_text(t_read_response(client, "GET")->body, "x");
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
}
