/* The TLS sessions that one server has let weir keep: a new connection that resumes one is spared
 * most of the handshake. Of TLS 1.3 each is used once, as RFC 8446 appendix C.4 asks; of TLS 1.2
 * the newest serves until it is too old.
 *
 * Thread: any. Embedded in what they are sessions with, which must outlive each SSL that was made
 * with them. */
#ifndef WEIR_NET_TLS_SESSIONS_H
#define WEIR_NET_TLS_SESSIONS_H

#include <pthread.h>

enum { WEIR_TLS_SESSIONS_MAX = 16 };

struct ssl_session_st;

struct weir_tls_sessions {
    pthread_mutex_t lock;
    unsigned n;
    struct ssl_session_st *kept[WEIR_TLS_SESSIONS_MAX]; /* newest last */
};

void weir_tls_sessions_init(struct weir_tls_sessions *sessions);
void weir_tls_sessions_fini(struct weir_tls_sessions *sessions);

/* Owns: one reference to SESSION. The oldest makes way where there are too many. */
void weir_tls_sessions_give(struct weir_tls_sessions *sessions, struct ssl_session_st *session);

/* The newest that may be resumed, for the caller to free, or NULL. It is the caller's alone, as
 * OpenSSL has nothing to say for sessions that several threads use at once. */
struct ssl_session_st *weir_tls_sessions_take(struct weir_tls_sessions *sessions);

/* Forgets all: one of them may be why a handshake failed. */
void weir_tls_sessions_clear(struct weir_tls_sessions *sessions);

#endif
