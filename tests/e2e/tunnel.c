/* After a 101 that was asked for, bytes go both ways as they are, until both sides have ended. */
#include "support/t_ask.h"
#include "support/t_tunnel.h"

#include <string.h>

enum { LARGE = 4 << 20 };

static struct t_scene scene;

static void open_scene(void)
{
    t_scene_open(&scene, NULL, NULL);
}

static void expect_figures(int64_t active, int64_t total)
{
    static const char *const places[] = {"listeners/web", "pools/legacy"};

    for (int i = 0; i < 2; i++) {
        t_stats_await(&scene.weir, t_text("%s/tunnels/active", places[i]), active);
        t_stats_assert(&scene.weir, t_text("%s/tunnels/total", places[i]), total);
        t_stats_assert(&scene.weir, t_text("%s/requests/active", places[i]), 0);
    }
    t_stats_assert(&scene.weir,
                   t_text("pools/legacy/servers/127.0.0.1:%d/tunnels/active", scene.origin.port),
                   active);
    t_stats_assert(&scene.weir, "pools/legacy/connections/active", active);
}

/* Both sides end, the client first; the server's connection is over. */
static void end_in_order(void)
{
    t_half_close(scene.client);
    t_expect_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
}

Test(tunnel, carries_any_bytes)
{
    static const char odd[] = "\0\r\n\r\nGET / HTTP/1.1\r\n\r\n0\r\n\r\n\xff\xfe";
    open_scene();
    t_tunnel_open(&scene);
    for (int i = 0; i < 3; i++) {
        t_send_bytes(scene.client, odd, sizeof(odd));
        t_expect_bytes(scene.upstream, odd, sizeof(odd));
        t_send_bytes(scene.upstream, odd, sizeof(odd));
        t_expect_bytes(scene.client, odd, sizeof(odd));
    }
    expect_figures(1, 1);
    t_stats_assert(&scene.weir, "listeners/web/requests/1xx", 1);
    t_stats_assert(&scene.weir, "listeners/web/requests/total", 1);
    end_in_order();
    expect_figures(0, 1);
    t_scene_works(&scene);
    t_stats_assert(&scene.weir, "pools/legacy/connections/reused", 0);
    t_stats_assert(&scene.weir, "pools/legacy/connections/closed/not_reusable", 1);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 2);
    t_weir_end(&scene.weir);
}

/* What came in one piece with a head belongs to the tunnel. */
Test(tunnel, carries_what_lay_behind_the_heads)
{
    open_scene();
    t_scene_request(&scene, T_UPGRADE "first", T_UPGRADE_FORWARDED);
    t_scene_answer(&scene, T_SWITCHED "hello", T_SWITCHED_FORWARDED "hello");
    t_expect(scene.upstream, "first");
    t_tunnel_up(&scene, "second");
    t_tunnel_down(&scene, "hello again");
    end_in_order();
    t_weir_end(&scene.weir);
}

Test(tunnel, carries_what_came_in_single_bytes)
{
    open_scene();
    scene.client = t_connect(scene.weir.port);
    t_send_in_pieces(scene.client, T_UPGRADE, strlen(T_UPGRADE), 1);
    t_send(scene.client, "ab");
    scene.upstream = t_accept(&scene.origin);
    t_expect(scene.upstream, T_UPGRADE_FORWARDED);
    t_send_in_pieces(scene.upstream, T_SWITCHED "cd", strlen(T_SWITCHED "cd"), 1);
    t_expect(scene.client, T_SWITCHED_FORWARDED "cd");
    t_expect(scene.upstream, "ab");
    end_in_order();
    t_weir_end(&scene.weir);
}

/* On connections that have carried requests before; the server's was kept. */
Test(tunnel, on_kept_connections)
{
    open_scene();
    t_scene_works(&scene);
    t_tunnel_open(&scene);
    t_tunnel_up(&scene, "a");
    t_tunnel_down(&scene, "b");
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    end_in_order();
    t_weir_end(&scene.weir);
}

Test(tunnel, half_closed_by_the_client)
{
    open_scene();
    t_tunnel_open(&scene);
    t_send(scene.client, "last");
    t_half_close(scene.client);
    t_expect(scene.upstream, "last");
    t_expect_end(scene.upstream);
    for (int i = 0; i < 10; i++)
        t_tunnel_down(&scene, "still");
    expect_figures(1, 1);
    t_send(scene.upstream, "bye");
    t_scene_drop_upstream(&scene);
    t_expect(scene.client, "bye");
    t_expect_end(scene.client);
    expect_figures(0, 1);
    t_weir_end(&scene.weir);
}

Test(tunnel, half_closed_by_the_server)
{
    open_scene();
    t_tunnel_open(&scene);
    t_send(scene.upstream, "last");
    t_half_close(scene.upstream);
    t_expect(scene.client, "last");
    t_expect_end(scene.client);
    for (int i = 0; i < 10; i++)
        t_tunnel_up(&scene, "still");
    expect_figures(1, 1);
    t_send(scene.client, "bye");
    t_scene_drop_client(&scene);
    t_expect(scene.upstream, "bye");
    t_expect_end(scene.upstream);
    expect_figures(0, 1);
    t_weir_end(&scene.weir);
}

/* FINs that came before the 101 did. */
Test(tunnel, half_closed_from_the_start)
{
    open_scene();
    scene.client = t_connect(scene.weir.port);
    t_send(scene.client, T_UPGRADE "all of it");
    t_half_close(scene.client);
    scene.upstream = t_accept(&scene.origin);
    t_expect(scene.upstream, T_UPGRADE_FORWARDED);
    t_send(scene.upstream, T_SWITCHED "all of this");
    t_half_close(scene.upstream);
    t_expect(scene.client, T_SWITCHED_FORWARDED "all of this");
    t_expect_end(scene.client);
    t_expect(scene.upstream, "all of it");
    t_expect_end(scene.upstream);
    t_weir_end(&scene.weir);
}

/* What was sent before a FIN comes through whole, however slowly it is taken. */
Test(tunnel, nothing_is_lost_at_its_end)
{
    open_scene();
    t_tunnel_open(&scene);
    for (int up = 0; up < 2; up++) {
        struct t_conn *from = up ? scene.client : scene.upstream;
        struct t_conn *to = up ? scene.upstream : scene.client;
        uint64_t sent = t_send_pattern_until_stuck(&scene.weir, from, 64 << 20);
        t_half_close(from);
        t_expect_pattern(to, sent, 0);
        t_expect_end(to);
    }
    expect_figures(0, 1);
    t_weir_end(&scene.weir);
}

/* Neither way waits for the other. */
Test(tunnel, full_both_ways)
{
    open_scene();
    t_tunnel_open(&scene);
    uint64_t up = t_send_pattern_until_stuck(&scene.weir, scene.client, 256 << 20);
    uint64_t down = t_send_pattern_until_stuck(&scene.weir, scene.upstream, 256 << 20);
    cr_assert_lt(up, 256 << 20);
    cr_assert_lt(down, 256 << 20);
    t_expect_pattern(scene.client, down, 0);
    t_tunnel_down(&scene, "on");
    t_expect_pattern(scene.upstream, up, 0);
    t_tunnel_up(&scene, "on");
    end_in_order();
    t_weir_end(&scene.weir);
}

/* weir holds little of it, whatever the sides send. */
Test(tunnel, full_in_little_memory)
{
    open_scene();
    t_tunnel_open(&scene);
    long before = t_process_resident_kib(&scene.weir.process);
    (void)t_send_pattern_until_stuck(&scene.weir, scene.client, 256 << 20);
    (void)t_send_pattern_until_stuck(&scene.weir, scene.upstream, 256 << 20);
    cr_assert_lt(t_process_resident_kib(&scene.weir.process) - before, 4096);
    t_reset(scene.client);
    scene.client = NULL;
    (void)t_read_to_any_end(scene.upstream, NULL);
    expect_figures(0, 1);
    t_weir_end(&scene.weir);
}

Test(tunnel, a_reset_is_passed_on)
{
    for (int full = 0; full < 2; full++) {
        open_scene();
        for (int up = 0; up < 2; up++) {
            t_tunnel_open(&scene);
            struct t_conn *from = up ? scene.client : scene.upstream;
            struct t_conn *to = up ? scene.upstream : scene.client;
            if (full)
                (void)t_send_pattern_until_stuck(&scene.weir, from, 64 << 20);
            t_reset(from);
            if (full)
                (void)t_read_to_any_end(to, NULL);
            else
                t_expect_reset(to);
            expect_figures(0, up + 1);
            scene.client = scene.upstream = NULL;
        }
        t_stats_assert(&scene.weir, "pools/legacy/connections/closed/client_gone", 1);
        t_stats_assert(&scene.weir, "pools/legacy/connections/closed/by_server_active", 1);
        t_scene_works(&scene);
        t_weir_end(&scene.weir);
    }
}

/* The figures say who keeps the TIME_WAIT: whose FIN went first. */
Test(tunnel, time_wait_is_whose_fin_went_first)
{
    open_scene();
    t_tunnel_open(&scene);
    end_in_order();
    expect_figures(0, 1);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_LOCAL, scene.origin.port, T_TCP_TIME_WAIT), 0);

    t_tunnel_open(&scene);
    t_half_close(scene.upstream);
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_expect_end(scene.upstream);
    expect_figures(0, 2);
    t_tcp_await(T_TCP_LOCAL, scene.origin.port, T_TCP_TIME_WAIT, 1);
    t_weir_end(&scene.weir);
}

Test(tunnel, large_both_ways)
{
    enum { PIECE = 256 << 10 };
    open_scene();
    t_tunnel_open(&scene);
    for (uint64_t at = 0; at < LARGE; at += PIECE) {
        t_send_pattern(scene.client, PIECE, at);
        t_send_pattern(scene.upstream, PIECE, at);
        t_expect_pattern(scene.upstream, PIECE, at);
        t_expect_pattern(scene.client, PIECE, at);
    }
    end_in_order();
    t_weir_end(&scene.weir);
}
