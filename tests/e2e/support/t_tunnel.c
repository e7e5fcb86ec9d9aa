/* A weir with a tunnel through it. */
#define T_HARNESS
#include "t_tunnel.h"

void t_tunnel_open(struct t_scene *scene)
{
    t_scene_request(scene, T_UPGRADE, T_UPGRADE_FORWARDED);
    t_scene_answer(scene, T_SWITCHED, T_SWITCHED_FORWARDED);
}

void t_tunnel_up(struct t_scene *scene, const char *text)
{
    t_send(scene->client, text);
    t_expect(scene->upstream, text);
}

void t_tunnel_down(struct t_scene *scene, const char *text)
{
    t_send(scene->upstream, text);
    t_expect(scene->client, text);
}
