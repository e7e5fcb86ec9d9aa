/* A weir before an origin that speaks TLS. */
#define T_HARNESS
#include "t_tls_scene.h"

void t_tls_scene_open(struct t_tls_scene *scene, int workers, const char *pool,
                      const struct t_certificate *certificate)
{
    (t_ca_write)();
    (t_origin_open)(&scene->origin);
    (t_tls_open)(&scene->tls, "origin", certificate);
    (t_weir_start_shape)(&scene->weir, &(struct t_shape){.workers = workers ? workers : 1,
                                                         .port = scene->origin.port,
                                                         .pool = pool ? pool : T_TLS_TRUST});
}

struct t_conn *t_tls_round(struct t_tls_scene *scene, struct t_conn *upstream, const char *target)
{
    struct t_conn *client = (t_ask)(&scene->weir, "GET", target, NULL);
    if (!upstream)
        upstream = (t_tls_accept)(&scene->origin, &scene->tls);
    (t_serve)(upstream, target);
    (t_assert_text)((t_await_answer)(client, "GET", 200)->body, target);
    return upstream;
}

int64_t t_tls_number(struct t_tls_scene *scene, const char *figure)
{
    return (t_pool_number)(&scene->weir,
                           t_text("servers/127.0.0.1:%d/tls/%s", scene->origin.port, figure));
}

const char *t_server_text(struct t_tls_scene *scene, const char *path)
{
    json_t *found = (t_stats_find)((t_stats)(&scene->weir),
                                   t_text("pools/legacy/servers/127.0.0.1:%d/%s",
                                          scene->origin.port, path));
    const char *text = json_string_value(found);
    return text ? text : "(no text)";
}
