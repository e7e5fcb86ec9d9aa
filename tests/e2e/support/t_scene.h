/* One weir between one scripted origin and one client, for promises about exact bytes.
 *
 * The weir has one worker and `forwarded: off`, so that what it adds to a request is `Via` alone
 * and the one kept connection is the one used next; retries are off. Thread: the test's own. */
#ifndef WEIR_E2E_T_SCENE_H
#define WEIR_E2E_T_SCENE_H

#include "t.h"

struct t_scene {
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *client;   /* the one in use; null: the next request opens one */
    struct t_conn *upstream; /* null: the next request comes on a new one */
};

/* Starts both. LISTENER and POOL are YAML lines, indented by four spaces, or null. */
void t_scene_open(struct t_scene *scene, const char *listener, const char *pool);
#define t_scene_open(...) T_AT((t_scene_open)(__VA_ARGS__))

/* The client sends REQUEST; the origin must get FORWARDED and nothing else so far. */
void t_scene_request(struct t_scene *scene, const char *request, const char *forwarded);
#define t_scene_request(...) T_AT((t_scene_request)(__VA_ARGS__))

/* The origin sends ANSWER; the client must get RECEIVED. */
void t_scene_answer(struct t_scene *scene, const char *answer, const char *received);
#define t_scene_answer(...) T_AT((t_scene_answer)(__VA_ARGS__))

/* A plain GET there and back, on the connections that are there: they still work, and not a byte
 * was left on either. */
void t_scene_works(struct t_scene *scene);
#define t_scene_works(...) T_AT((t_scene_works)(__VA_ARGS__))

/* The client's side is over: closed here too, the next request opens another. */
void t_scene_drop_client(struct t_scene *scene);

/* The same for the origin's side. */
void t_scene_drop_upstream(struct t_scene *scene);

/* Is what a client got, up to its connection's end, one whole answer to a GET and nothing more?
 * Returns its status, else 0. */
int t_whole_status(const char *got, size_t len);

#endif
