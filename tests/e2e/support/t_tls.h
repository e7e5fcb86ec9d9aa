/* A TLS client. Its handshake is done when it comes back; from then on a thread carries its bytes
 * between weir and a plain connection, so that all of t_conn.h and t_message.h works on that: a
 * half-close of it becomes a close_notify, and what ended weir's side can be told.
 * Thread: the test's own. */
#ifndef WEIR_E2E_T_TLS_H
#define WEIR_E2E_T_TLS_H

#include "support/certificate.h"
#include "t_base.h"
#include "t_conn.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>

/* What the client says of itself; all zero is fine. */
struct t_tls_wish {
    const char *name;        /* SNI; null: none */
    const char *protocols;   /* ALPN, each with its length before it: "\2h2\10http/1.1" */
    int version;             /* the only one offered; 0: all */
    const char *ciphers;     /* of TLS 1.2 */
    const char *signatures;  /* that it can verify: "RSA-PSS+SHA256" */
    const char *certificate; /* NAME of one in the test's directory, to show; null: none */
    SSL_SESSION *session;    /* to resume; null: a new one */
    int receive_bytes;       /* as t_connect_small; 0: as usual */
    const char *before;      /* sent before the handshake; null: nothing */
    size_t before_len;
    bool in_pieces; /* that byte by byte; else in one packet with the handshake's first bytes */
};

enum t_tls_end {
    T_TLS_OPEN,
    T_TLS_GOODBYE, /* a close_notify */
    T_TLS_CUT,     /* the end of stream without one */
    T_TLS_RESET,
    T_TLS_BROKEN /* an alert, or bytes that are no TLS */
};

struct t_tls {
    struct t_conn *conn; /* what is sent and received; null: refused */
    const char *refusal; /* why the handshake failed, in OpenSSL's words; null: it did not */
    const char *version, *cipher, *protocol; /* "TLSv1.3"; protocol null: none was chosen */
    const char *subject;                     /* common name of what weir showed */
    bool is_rsa;                             /* the key of that */
    bool is_resumed;
    int fd, far; /* weir's socket, and the far end of conn */
    SSL *ssl;    /* the thread's */
    _Atomic(enum t_tls_end) end;
    _Atomic(SSL_SESSION *) session; /* the newest */
    atomic_bool asks_new_keys;
};

/* Fails unless the handshake succeeds. */
struct t_tls *t_tls_connect(int port, const struct t_tls_wish *wish);
#define t_tls_connect(...) T_AT((t_tls_connect)(__VA_ARGS__))

/* The same, whatever comes of it. */
struct t_tls *t_tls_try(int port, const struct t_tls_wish *wish);
#define t_tls_try(...) T_AT((t_tls_try)(__VA_ARGS__))

/* Fails unless it is refused with an alert whose name contains REASON. */
void t_tls_expect_refusal(int port, const struct t_tls_wish *wish, const char *reason);
#define t_tls_expect_refusal(...) T_AT((t_tls_expect_refusal)(__VA_ARGS__))

/* Waits until weir's side has ended, and fails unless so. */
void t_tls_expect_end(struct t_tls *tls, enum t_tls_end end);
#define t_tls_expect_end(...) T_AT((t_tls_expect_end)(__VA_ARGS__))

/* Waits for a session that can be resumed; it lives until the test ends. */
SSL_SESSION *t_tls_session(struct t_tls *tls);
#define t_tls_session(...) T_AT((t_tls_session)(__VA_ARGS__))

/* A FIN without a close_notify. */
void t_tls_cut(struct t_tls *tls);

/* Writes TEST_DIR/NAME.pem and .key. */
void t_tls_certificate(const char *name, const struct certificate_wish *wish);

/* A listener `web` on @port@ with TLS, and a pool `legacy`; the certificate is `site`, for
 * site.test. %s: further lines of its `tls`, %s: of the listener, %d: the server's port. */
#define T_TLS_CONFIG                                                                               \
    T_WEIR_HEAD "listeners:\n"                                                                     \
                "  web:\n"                                                                         \
                "    listen: [\"127.0.0.1:@port@\"]\n"                                             \
                "    pool: legacy\n"                                                               \
                "    tls:\n"                                                                       \
                "      certificates: [{certificate: @dir@/site.pem, key: @dir@/site.key}]\n"       \
                "%s"                                                                               \
                "%s"                                                                               \
                "pools:\n"                                                                         \
                "  legacy: {servers: [{address: \"127.0.0.1:%d\"}], retry: {attempts: 0}}\n"

#endif
