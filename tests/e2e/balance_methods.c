/* One client, host or path has one server, whichever worker it meets; backups serve only whom no
 * other server would. */
#include "support/t_ask.h"

#include <signal.h>
#include <string.h>

enum { SERVERS = 4, WORKERS = 4, ROUNDS = 12, PATHS = 64 };

struct house {
    struct t_origin origins[SERVERS];
    char answers[SERVERS][64];
    struct t_weir weir;
};

/* Answers with its own number. */
static void serve(struct t_served_request *request, void *user)
{
    request->answer = user;
    request->answer_len = strlen(user);
}

static const char *servers_yaml(const struct house *house)
{
    const char *yaml = "[";
    for (int i = 0; i < SERVERS; i++)
        yaml = t_text("%s%s{address: \"127.0.0.1:%d\"}", yaml, i ? ", " : "",
                      house->origins[i].port);
    return t_text("%s]", yaml);
}

/* FIELDS: whole lines of every answer. */
static void open_house(struct house *house, const char *method, const char *fields)
{
    for (int i = 0; i < SERVERS; i++) {
        t_origin_open(&house->origins[i]);
        strcpy(house->answers[i],
               t_text("HTTP/1.1 200 OK\r\n%sContent-Length: 1\r\n\r\n%c", fields, 'a' + i));
        t_origin_serve(&house->origins[i], serve, house->answers[i]);
    }
    t_weir_start_shape(&house->weir, &(struct t_shape){
                                         .workers = WORKERS,
                                         .servers = servers_yaml(house),
                                         .pool = t_text("    balance: %s\n", method),
                                     });
}

static void close_house(struct house *house)
{
    t_weir_end(&house->weir);
    for (int i = 0; i < SERVERS; i++)
        t_origin_serve_stop(&house->origins[i]);
}

/* One request on a connection of its own. Returns the server's letter. */
static char ask(struct house *house, const char *target, const char *host)
{
    struct t_conn *client = t_connect(house->weir.port);
    t_sendf(client, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host);
    return t_await_answer(client, "GET", 200)->body[0];
}

static void assert_same(const char *what, char got, char wanted)
{
    if (got != wanted)
        t_fail("%s went to server %c, and before to %c", what, got, wanted);
}

Test(balance_methods, a_path_has_its_server)
{
    struct house house;
    unsigned seen = 0;
    open_house(&house, "hash_path", "");
    for (int i = 0; i < PATHS; i++) {
        const char *path = t_text("/path/%d", i);
        char home = ask(&house, path, "h");
        seen |= 1u << (home - 'a');
        for (int k = 0; k < ROUNDS / 3; k++)
            assert_same(path, ask(&house, t_text("%s?n=%d", path, k), t_text("h%d", k)), home);
    }
    t_assert_number("servers with a path", __builtin_popcount(seen), SERVERS);
    close_house(&house);
}

Test(balance_methods, a_host_has_its_server)
{
    struct house house;
    unsigned seen = 0;
    open_house(&house, "hash_host", "");
    for (int i = 0; i < PATHS; i++) {
        char home = ask(&house, "/", t_text("www%d.example", i));
        seen |= 1u << (home - 'a');
        assert_same("its capitals", ask(&house, "/b", t_text("WWW%d.Example", i)), home);
        assert_same("its port", ask(&house, "/c?d", t_text("www%d.example:8080", i)), home);
        assert_same("its whole target",
                    ask(&house, t_text("http://www%d.example/e", i), t_text("www%d.example", i)),
                    home);
    }
    t_assert_number("servers with a host", __builtin_popcount(seen), SERVERS);
    close_house(&house);
}

/* Each connection has another port, and most another worker. */
Test(balance_methods, a_client_has_its_server)
{
    struct house house;
    open_house(&house, "hash_source", "");
    char home = ask(&house, "/", "h");
    for (int i = 0; i < ROUNDS; i++)
        assert_same("the client", ask(&house, t_text("/%d", i), t_text("h%d", i)), home);
    close_house(&house);
}

/* A reload that takes a server away moves the paths of that server and no others. */
Test(balance_methods, who_leaves_takes_only_its_paths_along)
{
    struct house house;
    char homes[PATHS];
    open_house(&house, "hash_path", "");
    for (int i = 0; i < PATHS; i++)
        homes[i] = ask(&house, t_text("/path/%d", i), "h");
    t_weir_reshape(
        &house.weir,
        &(struct t_shape){
            .workers = WORKERS,
            .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: "
                              "\"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\"}]",
                              house.origins[3].port, house.origins[0].port, house.origins[1].port),
            .pool = "    balance: hash_path\n",
        });
    t_weir_signal(&house.weir, SIGHUP);
    t_stats_await(&house.weir, "weir/generation", 2);
    for (int i = 0; i < PATHS; i++) {
        char home = ask(&house, t_text("/path/%d", i), "h");
        if (homes[i] != 'c')
            assert_same(t_text("/path/%d", i), home, homes[i]);
        cr_assert_neq(home, 'c');
    }
    close_house(&house);
}

/* An idle connection would be preferred: there is none. */
Test(balance_methods, random_two_uses_all)
{
    struct house house;
    unsigned seen = 0;
    open_house(&house, "random_two", "Connection: close\r\n");
    for (int i = 0; i < 100; i++)
        seen |= 1u << (ask(&house, "/", "h") - 'a');
    t_assert_number("servers used", __builtin_popcount(seen), SERVERS);
    close_house(&house);
}

static const char *const methods[] = {"round_robin", "least_connections", "random_two",
                                      "hash_source", "hash_host",         "hash_path"};

static void start_with_backup(struct t_weir *weir, int first, int second, const char *pool)
{
    t_weir_start_shape(weir, &(struct t_shape){
                                 .workers = 2,
                                 .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: "
                                                   "\"127.0.0.1:%d\", backup: true}]",
                                                   first, second),
                                 .pool = pool,
                             });
}

Test(balance_methods, a_backup_serves_only_when_the_first_refuses)
{
    for (size_t m = 0; m < sizeof(methods) / sizeof(*methods); m++) {
        struct t_origin first, backup;
        struct t_weir weir;
        struct t_conn *conn = NULL;
        t_origin_open(&first);
        t_origin_open(&backup);
        start_with_backup(&weir, first.port, backup.port,
                          t_text("    balance: %s\n    retry: {budget: 0}\n"
                                 "    outlier: {failures: 0}\n",
                                 methods[m]));
        for (int i = 0; i < ROUNDS; i++)
            conn = t_round(&weir, &first, conn, t_text("/%d", i));
        t_assert_number("connections to the backup", t_origin_connections(&backup), 0);

        t_origin_close(&first);
        t_close(conn);
        t_pool_await(&weir, "connections/idle", 0);
        conn = NULL;
        for (int i = 0; i < ROUNDS; i++)
            conn = t_round(&weir, &backup, conn, t_text("/backup/%d", i));
        t_assert_number("connections to the backup", t_origin_connections(&backup), 1);
        t_pool_assert(&weir, "requests/failed", 0);

        t_origin_reopen(&first);
        conn = t_round(&weir, &first, NULL, "/again");
        t_weir_end(&weir);
    }
}

Test(balance_methods, a_backup_behind_many_that_refuse)
{
    struct t_origin backup;
    struct t_weir weir;
    const char *servers = "[";
    t_origin_open(&backup);
    for (int i = 0; i < SERVERS + 2; i++)
        servers = t_text("%s{address: \"127.0.0.1:%d\"}, ", servers, t_free_port());
    t_weir_start_shape(&weir, &(struct t_shape){
                                  .workers = 1,
                                  .servers = t_text("%s{address: \"127.0.0.1:%d\", backup: true}]",
                                                    servers, backup.port),
                                  .pool = "    retry: {attempts: 6}\n",
                              });
    t_round(&weir, &backup, NULL, "/");
    t_pool_assert(&weir, "requests/retried", SERVERS + 2);
    t_weir_end(&weir);
}

/* Who is full is not gone: its requests wait, and the backup is left alone. */
Test(balance_methods, a_full_server_does_not_call_the_backup)
{
    struct t_origin first, backup;
    struct t_weir weir;
    t_origin_open(&first);
    t_origin_open(&backup);
    start_with_backup(&weir, first.port, backup.port, "    connections: {max: 1}\n");

    struct t_conn *held = t_ask(&weir, "GET", "/held", NULL);
    struct t_conn *conn = t_accept(&first);
    t_assert_text(t_read_request(conn)->target, "/held");
    struct t_conn *waiting = t_ask(&weir, "GET", "/waiting", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    t_answer(conn, "held");
    t_await_answer(held, "GET", 200);
    t_serve(conn, "/waiting");
    t_await_answer(waiting, "GET", 200);
    t_assert_number("connections to the backup", t_origin_connections(&backup), 0);
    t_weir_end(&weir);
}

/* A request that waits for a backup is not given the server where it has failed, and passes those
 * that wait for another. */
Test(balance_methods, who_waits_for_a_backup_gets_the_backup)
{
    struct t_origin backup;
    struct t_weir weir;
    t_origin_open(&backup);
    start_with_backup(&weir, t_free_port(), backup.port, "    connections: {max: 1}\n");

    struct t_conn *held = t_ask(&weir, "GET", "/held", NULL);
    struct t_conn *conn = t_accept(&backup);
    t_assert_text(t_read_request(conn)->target, "/held");
    struct t_conn *waiting = t_ask(&weir, "GET", "/waiting", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    t_answer(conn, "held");
    t_await_answer(held, "GET", 200);
    t_serve(conn, "/waiting");
    t_await_answer(waiting, "GET", 200);
    t_pool_assert(&weir, "requests/failed", 0);
    t_pool_assert(&weir, "requests/retried", 2);
    t_weir_end(&weir);
}
