/* A reload leaves an unchanged Unix listener as it is, without a gap; what it adds is there, what
 * it removes is gone, file and all, and a refused one leaves no file behind. */
#include "support/t_ask.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

static struct t_origin origin;
static struct t_weir weir;
static char *first, *second;

#define POOL "pools: {legacy: {servers: [{address: \"127.0.0.1:%d\"}]}}\n"

/* LISTEN: of the listener `web`; MORE: YAML lines of the file. */
static char *yaml(const char *listen, const char *more)
{
    return t_text(T_WEIR_HEAD "listeners:\n  web: {listen: [%s], pool: legacy}\n%s" POOL, listen,
                  more ? more : "", origin.port);
}

static char *both(void)
{
    return t_text("\"unix:%s\", \"unix:%s\"", first, second);
}

static char *one(const char *path)
{
    return t_text("\"unix:%s\"", path);
}

static void open_with(const char *text)
{
    t_origin_open(&origin);
    first = t_path("first.sock");
    second = t_path("second.sock");
    t_weir_start(&weir, "%s", text ? text : yaml(one(first), NULL));
}

static void reload(const char *text, int number)
{
    t_weir_rewrite_config(&weir, "%s", text);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", number);
}

static void reload_in_vain(const char *text, const char *why)
{
    t_weir_rewrite_config(&weir, "%s", text);
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_next_log(&weir, why);
}

static void ask(const char *path)
{
    static struct t_conn *upstream;
    struct t_conn *client = t_connect_unix(path);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    upstream = upstream ? upstream : t_accept(&origin);
    t_serve(upstream, "/");
    t_await_answer(client, "GET", 200);
}

static ino_t inode(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ? status.st_ino : 0;
}

Test(unix_reload, an_unchanged_one_stays)
{
    open_with(NULL);
    ino_t before = inode(first);
    struct t_conn *kept = t_connect_unix(first);
    reload(yaml(one(first), "  other: {listen: \"127.0.0.1:@port2@\", pool: legacy}\n"), 2);
    cr_assert_eq(inode(first), before);
    ask(first);
    t_send(kept, "GET /none HTTP/1.0\r\n\r\n");
    t_stats_await(&weir, "listeners/web/requests/active", 1);
    t_close(kept);
    t_weir_end(&weir);
}

Test(unix_reload, one_is_added_and_another_removed)
{
    open_with(NULL);
    reload(yaml(both(), NULL), 2);
    ask(first);
    ask(second);
    reload(yaml(one(second), NULL), 3);
    t_assert_number("first", t_try_unix(first), ENOENT);
    ask(second);
    /* And back, where it was. */
    reload(yaml(one(first), NULL), 4);
    ask(first);
    t_assert_number("second", t_try_unix(second), ENOENT);
    t_weir_end(&weir);
}

Test(unix_reload, it_moves_to_another_listener_without_a_gap)
{
    open_with(NULL);
    ino_t before = inode(first);
    reload(t_text(T_WEIR_HEAD "listeners:\n  other: {listen: %s, pool: legacy, socket_mode: 0600}\n"
                              "  web: {listen: \"127.0.0.1:@port@\", pool: legacy}\n" POOL,
                  one(first), origin.port),
           2);
    cr_assert_eq(inode(first), before);
    t_assert_number("mode", t_socket_mode(first), 0600);
    ask(first);
    t_stats_await(&weir, "listeners/other/requests/2xx", 1);
    t_weir_end(&weir);
}

Test(unix_reload, its_mode_changes)
{
    open_with(NULL);
    t_assert_number("mode", t_socket_mode(first), 0660);
    ino_t before = inode(first);
    reload(t_text(T_WEIR_HEAD "listeners:\n"
                              "  web: {listen: %s, pool: legacy, socket_mode: 0666}\n" POOL,
                  one(first), origin.port),
           2);
    t_assert_number("mode", t_socket_mode(first), 0666);
    cr_assert_eq(inode(first), before);
    ask(first);
    t_weir_end(&weir);
}

Test(unix_reload, a_refused_one_leaves_all_as_it_was)
{
    open_with(NULL);
    t_write_file("third.sock", "a file");
    reload_in_vain(yaml(t_text("%s, \"unix:%s\"", both(), t_path("third.sock")), NULL),
                   "a file is there");
    t_assert_number("second", t_try_unix(second), ENOENT);
    ask(first);
    reload_in_vain(yaml("\"unix:web.sock\"", NULL), "has no absolute path");
    ask(first);
    t_stats_assert(&weir, "weir/generation", 1);
    t_weir_end(&weir);
    t_assert_number("first", t_try_unix(first), ENOENT);
}

/* Connects one after another until told to stop; each must be answered. */
struct knocker {
    atomic_bool is_over;
    atomic_int rounds, failed;
};

static void *knock(void *user)
{
    struct knocker *knocker = user;
    while (!atomic_load(&knocker->is_over)) {
        atomic_fetch_add(&knocker->failed, t_try_unix(first) != 0);
        atomic_fetch_add(&knocker->rounds, 1);
    }
    return NULL;
}

Test(unix_reload, nobody_is_refused_meanwhile)
{
    struct knocker knocker = {.is_over = false};
    pthread_t thread;
    open_with(NULL);
    cr_assert_eq(pthread_create(&thread, NULL, knock, &knocker), 0);
    for (int i = 2; i < 12; i++) {
        int rounds = atomic_load(&knocker.rounds);
        reload(yaml(i % 2 ? one(first) : both(), NULL), i);
        while (atomic_load(&knocker.rounds) == rounds)
            t_nap();
    }
    atomic_store(&knocker.is_over, true);
    pthread_join(thread, NULL);
    t_assert_number("failed", atomic_load(&knocker.failed), 0);
    t_weir_end(&weir);
}
