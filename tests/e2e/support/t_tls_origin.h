/* Origins that speak TLS, with certificates made for the test. A scripted one is a t_origin whose
 * connections are taken by t_tls_accept: from then on everything of t_conn.h works on them, where
 * an orderly end is a close_notify and anything less is an error (ECONNABORTED). A served one is a
 * thread for each connection. */
#ifndef WEIR_E2E_T_TLS_ORIGIN_H
#define WEIR_E2E_T_TLS_ORIGIN_H

#include "t_origin.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a certificate is like. All zero: for 127.0.0.1 and origin.test, signed by the test's CA. */
struct t_certificate {
    const char *names; /* subjectAltName as OpenSSL writes it; null: IP:127.0.0.1,DNS:origin.test */
    const char *common_name; /* null: test */
    bool is_expired;
    bool is_self_signed;
    bool is_by_stranger; /* another CA signed it */
};

/* Writes NAME.pem and NAME.key into the test's directory. */
void t_certificate_write(const char *name, const struct t_certificate *certificate);
#define t_certificate_write(...) T_AT((t_certificate_write)(__VA_ARGS__))

/* The CA's own, in the test's directory: "ca.pem". Idempotent. */
void(t_ca_write)(void);
#define t_ca_write() T_AT((t_ca_write)())

/* How an origin speaks TLS. */
struct t_tls {
    SSL_CTX *context;
    atomic_int handshakes, resumed, refused; /* by connections of this origin */
    atomic_int with_sni;
    char last_sni[256]; /* of a scripted connection */
};

/* A context with that certificate, written as NAME too. */
void t_tls_open(struct t_tls *tls, const char *name, const struct t_certificate *certificate);
#define t_tls_open(...) T_AT((t_tls_open)(__VA_ARGS__))

/* Takes the next connection and shakes hands, without which it fails. */
struct t_conn *t_tls_accept(struct t_origin *origin, struct t_tls *tls);
#define t_tls_accept(...) T_AT((t_tls_accept)(__VA_ARGS__))

/* The same, and the peer must break it off. */
void t_tls_refused(struct t_origin *origin, struct t_tls *tls);
#define t_tls_refused(...) T_AT((t_tls_refused)(__VA_ARGS__))

/* Ends the connection without a close_notify. */
void t_tls_break_off(struct t_conn *conn);

SSL *t_tls_of(struct t_conn *conn);

/* --- served --- */

/* Answers one request; false: close after it. Thread: any, one call at a time. */
typedef bool t_tls_serve_fn(const struct t_message *request, char *answer, size_t size, void *user);

struct t_tls_server {
    struct t_origin *origin;
    struct t_tls *tls;
    t_tls_serve_fn *serve; /* null: 200 with the target as the body */
    void *user;
    atomic_bool chatters; /* behind each answer comes a ticket, or a new key in turn (TLS 1.3) */
    pthread_t thread;
    int stop;
    pthread_mutex_t lock;
    atomic_int connections, requests, open;
};

void t_tls_serve(struct t_tls_server *server, struct t_origin *origin, struct t_tls *tls,
                 t_tls_serve_fn *serve, void *user);
#define t_tls_serve(...) T_AT((t_tls_serve)(__VA_ARGS__))

/* No more connections are taken; waits until weir has left those that there are. */
void t_tls_serve_stop(struct t_tls_server *server);

#endif
