/* What promises about TLS to servers are made of: a weir whose one pool speaks TLS to an origin. */
#ifndef WEIR_E2E_T_TLS_SCENE_H
#define WEIR_E2E_T_TLS_SCENE_H

#include "t_ask.h"
#include "t_tls_origin.h"

/* Keys of the pool's `tls` that trust the test's CA. */
#define T_TLS_TRUST "    tls: {ca_file: ca.pem}\n"

struct t_tls_scene {
    struct t_origin origin;
    struct t_tls tls;
    struct t_weir weir;
};

/* A weir of WORKERS (0: 1), whose pool has the YAML lines POOL, or just T_TLS_TRUST when null, and
 * an origin with CERTIFICATE (null: a good one). */
void t_tls_scene_open(struct t_tls_scene *scene, int workers, const char *pool,
                      const struct t_certificate *certificate);
#define t_tls_scene_open(...) T_AT((t_tls_scene_open)(__VA_ARGS__))

/* As t_round, over TLS. */
struct t_conn *t_tls_round(struct t_tls_scene *scene, struct t_conn *upstream, const char *target);
#define t_tls_round(...) T_AT((t_tls_round)(__VA_ARGS__))

/* A figure of the origin's `tls` in /stats. */
int64_t t_tls_number(struct t_tls_scene *scene, const char *figure);
#define t_tls_number(...) T_AT((t_tls_number)(__VA_ARGS__))

/* A text of the origin's in /stats. */
const char *t_server_text(struct t_tls_scene *scene, const char *path);
#define t_server_text(...) T_AT((t_server_text)(__VA_ARGS__))

#endif
