/* weir top shows the figures live, and leaves the terminal as it found it whatever happens. */
#include "support/t_ask.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct t_origin origin;
static struct t_weir weir;
static struct t_terminal terminal;

static void start_top(const char *kind, const char *locale, int rows, int columns)
{
    const char *args[] = {
        WEIR_BINARY, "top", "-d", "0.2", "-a", t_text("127.0.0.1:%d", weir.admin_port), NULL};
    t_terminal_start(&terminal, args, kind, locale, rows, columns);
}

static void open_all(const char *kind, int rows, int columns)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    start_top(kind, "C.UTF-8", rows, columns);
    t_terminal_await(&terminal, "legacy ");
}

static void leave(void)
{
    t_terminal_type(&terminal, "q");
    t_terminal_await_end(&terminal, 0);
    t_terminal_assert_restored(&terminal);
}

Test(top, keys_choose_views_and_order)
{
    open_all("xterm", 24, 240);
    t_terminal_await(&terminal, "[1 pools] 2 servers  3 listeners  4 workers   by POOL, ascending");
    t_terminal_await(&terminal, "POOL    PAUSED  REQ/S  ACTIVE");
    t_assert_contains(terminal.written, "\033[?1049h");
    t_terminal_type(&terminal, "2");
    t_terminal_await(&terminal, t_text("legacy  127.0.0.1:%d  up ", origin.port));
    t_terminal_type(&terminal, "3");
    t_terminal_await(&terminal, t_text(" 127.0.0.1:%d\n", weir.port));
    t_terminal_type(&terminal, "\t");
    t_terminal_await(&terminal, "WORKER  CLIENTS");
    t_terminal_await(&terminal, "\n0 ");
    t_terminal_type(&terminal, ">");
    t_terminal_await(&terminal, "by CLIENTS, descending");
    t_terminal_type(&terminal, "\033OC");
    t_terminal_await(&terminal, "by ACCEPTED/S, descending");
    t_terminal_type(&terminal, "<");
    t_terminal_await(&terminal, "by CLIENTS, descending");
    t_terminal_type(&terminal, "\033OD");
    t_terminal_await(&terminal, "by WORKER, ascending");
    t_terminal_type(&terminal, "r");
    t_terminal_await(&terminal, "by WORKER, descending");
    t_assert_contains(t_terminal_text(&terminal), "\n1 ");
    t_terminal_type(&terminal, "p");
    t_terminal_await(&terminal, "PAUSED");
    t_terminal_type(&terminal, " ");
    t_terminal_await_gone(&terminal, "PAUSED");
    t_terminal_type(&terminal, "?");
    t_terminal_await(&terminal, "sort by the column beside");
    t_terminal_type(&terminal, "h1");
    t_terminal_await(&terminal, "legacy ");
    leave();
    t_assert_contains(terminal.written, "\033[?1049l");
    t_weir_end(&weir);
}

Test(top, any_size_will_do)
{
    static const int sizes[][2] = {{3, 10}, {1, 1}, {2, 2}, {4, 5}, {7, 200}, {1, 80}, {60, 1}};
    open_all("xterm", 24, 80);
    t_terminal_type(&terminal, "2");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        t_terminal_resize(&terminal, sizes[i][0], sizes[i][1]);
        t_terminal_await_output(&terminal);
        t_terminal_resize(&terminal, 24, 120);
        t_terminal_await(&terminal, "3 listeners");
        t_terminal_await(&terminal, "q quit");
    }
    t_terminal_resize(&terminal, 3, 10);
    t_terminal_await(&terminal, "leg");
    leave();
    t_weir_end(&weir);
}

Test(top, the_sorted_column_is_in_sight)
{
    open_all("xterm", 10, 40);
    t_assert_lacks(t_terminal_text(&terminal), "RACES/S");
    t_terminal_type(&terminal, "<");
    t_terminal_await(&terminal, "RACES/S\n");
    t_terminal_await(&terminal, "POOL  ");
    leave();
    t_weir_end(&weir);
}

/* Answers the next question of weir top with this. */
static void tell(const char *body)
{
    struct t_conn *conn = t_accept(&origin);
    t_read_request(conn);
    t_send(conn, t_text("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body));
    t_close(conn);
}

static void pretend(const char *kind, const char *locale, int columns)
{
    t_origin_open(&origin);
    weir.admin_port = origin.port;
    start_top(kind, locale, 24, columns);
}

/* As a weir of this age would that has had so many requests and connections. */
static void tell_counts(int pid, int uptime_s, int requests, int reused)
{
    tell(
        t_text("{\"weir\": {\"pid\": %d, \"uptime_s\": %d}, \"pools\": {\"p\": {\"paused\": false, "
               "\"requests\": {\"total\": %d}, \"connections\": {\"reused\": %d, \"opened\": 1}}}}",
               pid, uptime_s, requests, reused));
}

Test(top, rates_are_of_the_last_interval)
{
    pretend("xterm", "C.UTF-8", 240);
    tell_counts(1, 1, 1000000, 500);
    t_terminal_await(&terminal, "\np     no          -  ");
    tell_counts(1, 2, 1000004, 503);
    t_terminal_await(&terminal, "  75.00%  ");
    t_assert_lacks(t_terminal_text(&terminal), "\np     no          -  ");
    tell_counts(1, 3, 1000004, 503);
    t_terminal_await(&terminal, "\np     no          0  ");
    tell_counts(2, 0, 1000009, 503); /* another process */
    t_terminal_await(&terminal, "\np     no          -  ");
    tell_counts(2, 1, 1000009, 503);
    t_terminal_await(&terminal, "\np     no          0  ");
    tell_counts(2, 2, 3, 0); /* the pool came back */
    t_terminal_await(&terminal, "\np     no          -  ");
    leave();
}

Test(top, on_a_vt100_without_utf8)
{
    pretend("vt100", "C", 80);
    tell("{\"weir\": {}, \"pools\": {\"caf\xc3\xa9\": {}}}");
    t_terminal_await(&terminal, "caf? ");
    leave();
    t_assert_lacks(terminal.written, "\033[31"); /* no colours */
}

Test(top, utf8)
{
    pretend("xterm", "C.UTF-8", 80);
    tell("{\"weir\": {}, \"pools\": {\"caf\xc3\xa9\": {}}}");
    t_terminal_await(&terminal, "caf\xc3\xa9 ");
    leave();
}

/* What answers is not to be trusted with the terminal. */
Test(top, hostile_names)
{
    pretend("xterm", "C.UTF-8", 80);
    tell("{\"weir\": {\"version\": \"\\u001b[2J\", \"pid\": 1, \"uptime_s\": 1}, \"pools\": "
         "{\"a\\u001b]0;x\\u0007b\\u009b5mc\\u202ed\\nf\": {}, \"\": [], \"g\": 7}}");
    t_terminal_await(&terminal, "a?]0;x?b?5mc?d?f ");
    t_terminal_await(&terminal, "weir ?[2J ");
    leave();
}

/* An answer that does not end keeps nobody waiting. */
Test(top, keys_work_while_weir_does_not_answer)
{
    pretend("xterm", "C.UTF-8", 80);
    struct t_conn *conn = t_accept(&origin);
    t_read_request(conn);
    t_terminal_type(&terminal, "3");
    t_terminal_await(&terminal, "[3 listeners]");
    t_terminal_await(&terminal, "NO ANSWER: weir is silent");
    t_send(conn, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    t_close(conn);
    t_terminal_await(&terminal, "is not weir's admin endpoint");
    tell("[]");
    t_terminal_await(&terminal, "but not as weir ");
    tell("{\"weir\": {}}");
    t_terminal_await_gone(&terminal, "NO ANSWER");
    t_terminal_await(&terminal, "there are none");
    leave();
}

Test(top, weir_comes_and_goes)
{
    open_all("xterm", 24, 200);
    t_round(&weir, &origin, NULL, "/");
    t_weir_signal(&weir, SIGSTOP);
    t_terminal_await(&terminal, "NO ANSWER");
    t_terminal_await(&terminal, "weir is silent");
    t_weir_signal(&weir, SIGCONT);
    t_terminal_await_gone(&terminal, "NO ANSWER");
    t_process_kill(&weir.process);
    t_terminal_await(&terminal, "Connection refused");
    t_terminal_await(&terminal, "legacy ");
    const char *args[] = {WEIR_BINARY, "run", "-c", weir.config, NULL};
    t_process_start(&weir.process, "weir", args, true, false);
    t_terminal_await_gone(&terminal, "NO ANSWER");
    t_assert_lacks(t_terminal_text(&terminal), "-0");
    t_assert_lacks(t_terminal_text(&terminal), "-1");
    leave();
    t_weir_end(&weir);
}

Test(top, signals_end_it_in_order)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    open_all("xterm", 24, 80);
    leave();
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        start_top("xterm", "C.UTF-8", 24, 80);
        t_terminal_await(&terminal, "legacy ");
        kill(terminal.pid, signals[i]);
        t_terminal_await_end(&terminal, 0);
        t_terminal_assert_restored(&terminal);
    }
    start_top("xterm", "C.UTF-8", 24, 80);
    t_terminal_await(&terminal, "legacy ");
    t_terminal_type(&terminal, "\003");
    t_terminal_await_end(&terminal, 0);
    t_terminal_assert_restored(&terminal);
    t_weir_end(&weir);
}

Test(top, it_stops_and_goes_on)
{
    open_all("xterm", 24, 80);
    kill(terminal.pid, SIGSTOP);
    t_terminal_await_stop(&terminal);
    t_terminal_resize(&terminal, 20, 70);
    kill(terminal.pid, SIGCONT);
    t_terminal_await(&terminal, "legacy ");
    leave();
    t_weir_end(&weir);
}

Test(top, a_shell_can_stop_it)
{
    open_all("xterm", 24, 80);
    leave();
    char *script = t_text(
        "set -m; \"%s\" top -a 127.0.0.1:%d; echo stopped; read line; fg >/dev/null", WEIR_BINARY,
        weir.admin_port);
    const char *args[] = {"/bin/sh", "-c", script, NULL};
    t_terminal_start(&terminal, args, "xterm", "C.UTF-8", 24, 80);
    t_terminal_await(&terminal, "legacy ");
    t_terminal_type(&terminal, "\032");
    t_terminal_await(&terminal, "stopped");
    t_terminal_assert_restored(&terminal);
    t_terminal_type(&terminal, "\n");
    t_terminal_await_gone(&terminal, "stopped");
    t_terminal_await(&terminal, "legacy ");
    t_terminal_type(&terminal, "2");
    t_terminal_await(&terminal, "[2 servers]");
    leave();
    t_weir_end(&weir);
}

Test(top, it_needs_a_terminal_that_can_be_used)
{
    struct t_run run = t_weir_run("top", NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_text(run.out, "");
    t_assert_text(run.err, "weir: top needs a terminal; weir stats prints tables\n");
    static const char *const kinds[] = {"dumb", "no-such-terminal", "", "unknown"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        start_top(kinds[i], "C.UTF-8", 24, 80);
        t_terminal_await_end(&terminal, 1);
        t_assert_contains(terminal.written, "weir stats prints tables");
        t_assert_lacks(terminal.written, "\033");
        t_terminal_assert_restored(&terminal);
    }
}

Test(top, wrong_usage)
{
    static const char *const delays[] = {"0", "-1", "x", "1s", "", "nan", "1e9"};
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        struct t_run run = t_weir_run("top", "-d", delays[i], NULL);
        t_assert_number("exit status", run.status, 2);
        t_assert_contains(run.err, "no number of seconds");
    }
    t_assert_number("exit status", t_weir_run("top", "pools", NULL).status, 2);
    t_assert_number("exit status", t_weir_run("top", "-x", NULL).status, 2);
    t_assert_contains(t_weir_run("top", "--help", NULL).out, "-a, --admin ADMIN");
}
