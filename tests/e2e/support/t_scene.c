/* A weir between two scripts. */
#define T_HARNESS
#include "t_scene.h"

void t_scene_open(struct t_scene *scene, const char *listener, const char *pool)
{
    *scene = (struct t_scene){0};
    t_origin_open(&scene->origin);
    t_weir_start(&scene->weir,
                 "workers: 1\n"
                 "shutdown_timeout: 5s\n"
                 "log: {to: stderr, level: debug}\n"
                 "admin: {listen: \"127.0.0.1:@admin@\"}\n"
                 "listeners:\n"
                 "  web:\n"
                 "    listen: [\"127.0.0.1:@port@\"]\n"
                 "    pool: legacy\n"
                 "    forwarded: off\n"
                 "%s"
                 "pools:\n"
                 "  legacy:\n"
                 "    servers: [{address: \"127.0.0.1:%d\"}]\n"
                 "    retry: {attempts: 0}\n"
                 "%s",
                 listener ? listener : "", scene->origin.port, pool ? pool : "");
}

void t_scene_request(struct t_scene *scene, const char *request, const char *forwarded)
{
    if (!scene->client)
        scene->client = t_connect(scene->weir.port);
    t_send(scene->client, request);
    if (!scene->upstream)
        scene->upstream = t_accept(&scene->origin);
    t_expect(scene->upstream, forwarded);
}

void t_scene_answer(struct t_scene *scene, const char *answer, const char *received)
{
    t_send(scene->upstream, answer);
    t_expect(scene->client, received);
}

void t_scene_works(struct t_scene *scene)
{
    t_scene_request(scene, "GET /works HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET /works HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n");
    t_scene_answer(scene, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworks",
                   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: 1.1 weir\r\n\r\nworks");
}

void t_scene_drop_client(struct t_scene *scene)
{
    t_close(scene->client);
    scene->client = NULL;
}

void t_scene_drop_upstream(struct t_scene *scene)
{
    t_close(scene->upstream);
    scene->upstream = NULL;
}

int t_whole_status(const char *got, size_t len)
{
    struct t_message answer;
    const char *wrong = NULL;
    int status;

    if (t_message_parse(&answer, got, len, "GET", true, &wrong) != T_PARSE_DONE)
        return 0;
    status = answer.raw_len == len ? answer.status : 0;
    t_message_fini(&answer);
    return status;
}
