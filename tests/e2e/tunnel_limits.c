/* Tunnels have an idle time of their own, count against `max`, stand in the figures and in the log,
 * and are drained. */
#include "support/t_access.h"
#include "support/t_ask.h"
#include "support/t_tunnel.h"

#include <signal.h>
#include <string.h>

static struct t_scene scene;

Test(tunnel_limits, idle_ones_end)
{
    t_scene_open(&scene, "    timeouts: {tunnel: 200ms}\n", NULL);
    t_tunnel_open(&scene);
    t_expect_end(scene.client);
    t_expect_end(scene.upstream);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_stats_await(&scene.weir, "pools/legacy/connections/closed/idle_timeout", 1);
    t_weir_end(&scene.weir);
}

/* Other timeouts are not theirs, and any byte either way begins the time anew. */
Test(tunnel_limits, busy_ones_live)
{
    enum { IDLE_MS = 2000 };
    t_scene_open(&scene, "    timeouts: {tunnel: 2s, body: 50ms, write: 50ms, idle: 50ms}\n",
                 "    timeouts: {stall: 50ms}\n");
    t_tunnel_open(&scene);
    for (int64_t start = t_now_ms(); t_now_ms() < start + IDLE_MS + IDLE_MS / 2;) {
        t_tunnel_up(&scene, "a");
        t_tunnel_down(&scene, "b");
    }
    t_stats_assert(&scene.weir, "listeners/web/tunnels/active", 1);
    t_reset(scene.client);
    t_weir_end(&scene.weir);
}

/* What could not be delivered is not ended as if it had been. */
Test(tunnel_limits, stuck_ones_are_cut)
{
    t_scene_open(&scene, "    timeouts: {tunnel: 1s}\n", NULL);
    scene.client = t_connect_small(scene.weir.port, 4096);
    t_tunnel_open(&scene);
    (void)t_send_pattern_until_stuck(&scene.weir, scene.upstream, 256 << 20);
    t_expect_reset(scene.upstream);
    (void)t_read_to_any_end(scene.client, NULL);
    t_stats_await(&scene.weir, "pools/legacy/connections/closed/timeout", 1);
    t_weir_end(&scene.weir);
}

Test(tunnel_limits, one_takes_a_place_of_max)
{
    t_scene_open(&scene, NULL, "    connections: {max: 1}\n");
    t_tunnel_open(&scene);
    struct t_conn *waiting = t_ask(&scene.weir, "GET", "/waits", NULL);
    t_pool_await(&scene.weir, "queue/waiting", 1);
    t_tunnel_up(&scene, "a");
    t_half_close(scene.client);
    t_expect_end(scene.upstream);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_scene_drop_upstream(&scene);
    t_serve(t_accept(&scene.origin), "/waits");
    t_await_answer(waiting, "GET", 200);
    t_weir_end(&scene.weir);
}

/* `opened` is idle and active ones and all that were closed, whatever becomes of them. */
Test(tunnel_limits, figures_add_up)
{
    enum { TUNNELS = 12 };
    struct t_conn *clients[TUNNELS], *servers[TUNNELS];
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < TUNNELS; i++) {
        t_tunnel_open(&scene);
        clients[i] = scene.client;
        servers[i] = scene.upstream;
        scene.client = scene.upstream = NULL;
    }
    t_pool_assert(&scene.weir, "tunnels/active", TUNNELS);
    t_pool_assert(&scene.weir, "requests/active", 0);
    t_pool_assert(&scene.weir, "requests/total", TUNNELS);
    t_pool_assert(&scene.weir, "connections/active", TUNNELS);
    t_pool_assert(&scene.weir, "connections/opened", TUNNELS);
    for (int i = 0; i < TUNNELS; i++) {
        struct t_conn *first = i % 2 ? clients[i] : servers[i];
        struct t_conn *second = i % 2 ? servers[i] : clients[i];
        if (i % 3 == 0) {
            t_reset(first);
            t_expect_reset(second);
        } else {
            t_half_close(first);
            t_expect_end(second);
            t_close(second);
            t_expect_end(first);
        }
    }
    t_pool_await(&scene.weir, "tunnels/active", 0);
    t_pool_assert(&scene.weir, "tunnels/total", TUNNELS);
    t_pool_assert(&scene.weir, "connections/closed/not_reusable", TUNNELS - TUNNELS / 3);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The bytes of both ways, once it is over. */
Test(tunnel_limits, one_line_in_the_access_log)
{
    t_origin_open(&scene.origin);
    t_weir_start_shape(&scene.weir,
                       &(struct t_shape){.workers = 1,
                                         .port = scene.origin.port,
                                         .listener = "    forwarded: off\n",
                                         .top = "access_log: {to: \"@dir@/access\"}\n"});
    t_tunnel_open(&scene);
    t_send_pattern(scene.client, 100000, 0);
    t_expect_pattern(scene.upstream, 100000, 0);
    t_send_pattern(scene.upstream, 200000, 0);
    t_expect_pattern(scene.client, 200000, 0);
    t_scene_drop_client(&scene);
    t_expect_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_stats_await(&scene.weir, "access_log/written", 1);
    json_t *line = t_access_line(t_access_text("access"), 0);
    t_access_assert(line,
                    t_text("{'target': '/chat', 'status': 101, 'bytes_in': %zu, "
                           "'bytes_out': %zu, 'reason': null}",
                           strlen(T_UPGRADE) + 100000, strlen(T_SWITCHED_FORWARDED) + 200000));
    t_weir_end(&scene.weir);
}

static void begin_drain(void)
{
    t_weir_signal(&scene.weir, SIGTERM);
    t_weir_await_log(&scene.weir, "draining");
    t_tcp_await(T_TCP_LOCAL, scene.weir.port, T_TCP_LISTEN, 0);
}

/* A drain waits for them ... */
Test(tunnel_limits, drained_until_they_end)
{
    t_scene_open(&scene, NULL, NULL);
    t_tunnel_open(&scene);
    begin_drain();
    t_tunnel_up(&scene, "a");
    t_tunnel_down(&scene, "b");
    t_half_close(scene.client);
    t_expect_end(scene.upstream);
    t_tunnel_down(&scene, "c");
    t_close(scene.upstream);
    t_expect_end(scene.client);
    t_assert_number("exit status", t_process_wait(&scene.weir.process), 0);
    t_assert_contains(t_weir_log(&scene.weir), "every request is answered");
}

/* ... for shutdown_timeout, or until it is told twice. */
Test(tunnel_limits, cut_at_the_end_of_a_drain)
{
    t_scene_open(&scene, NULL, NULL);
    t_tunnel_open(&scene);
    begin_drain();
    t_tunnel_up(&scene, "a");
    t_weir_signal(&scene.weir, SIGTERM);
    t_expect_reset(scene.client);
    t_expect_reset(scene.upstream);
    t_assert_number("exit status", t_process_wait(&scene.weir.process), 0);
}

/* A reload leaves them alone, even if it takes their listener and their server away. */
Test(tunnel_limits, reloads_leave_them_alone)
{
    t_scene_open(&scene, NULL, NULL);
    t_tunnel_open(&scene);
    t_weir_rewrite_config(&scene.weir,
                          "workers: 1\n"
                          "admin: {listen: \"127.0.0.1:@admin@\"}\n"
                          "listeners: {other: {listen: [\"127.0.0.1:@port2@\"], pool: other}}\n"
                          "pools: {other: {servers: [{address: \"127.0.0.1:1\"}]}}\n");
    t_weir_signal(&scene.weir, SIGHUP);
    t_stats_await(&scene.weir, "weir/generation", 2);
    t_tcp_await(T_TCP_LOCAL, scene.weir.port, T_TCP_LISTEN, 0);
    t_tunnel_up(&scene, "a");
    t_tunnel_down(&scene, "b");
    t_half_close(scene.client);
    t_expect_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_expect_end(scene.client);
    t_weir_end(&scene.weir);
}
