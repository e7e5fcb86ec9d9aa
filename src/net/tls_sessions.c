#include "weir/net/tls_sessions.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

void weir_tls_sessions_init(struct weir_tls_sessions *sessions)
{
    pthread_mutex_init(&sessions->lock, NULL);
    sessions->n = 0;
}

void weir_tls_sessions_fini(struct weir_tls_sessions *sessions)
{
    weir_tls_sessions_clear(sessions);
    pthread_mutex_destroy(&sessions->lock);
}

void weir_tls_sessions_clear(struct weir_tls_sessions *sessions)
{
    pthread_mutex_lock(&sessions->lock);
    while (sessions->n > 0)
        SSL_SESSION_free(sessions->kept[--sessions->n]);
    pthread_mutex_unlock(&sessions->lock);
}

void weir_tls_sessions_give(struct weir_tls_sessions *sessions, SSL_SESSION *session)
{
    SSL_SESSION *oldest = NULL;

    pthread_mutex_lock(&sessions->lock);
    if (sessions->n == WEIR_TLS_SESSIONS_MAX) {
        oldest = sessions->kept[0];
        memmove(sessions->kept, sessions->kept + 1, --sessions->n * sizeof(*sessions->kept));
    }
    sessions->kept[sessions->n++] = session;
    pthread_mutex_unlock(&sessions->lock);
    SSL_SESSION_free(oldest);
}

static bool is_fresh(const SSL_SESSION *session)
{
    return SSL_SESSION_is_resumable(session) &&
           SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) > (long)time(NULL);
}

SSL_SESSION *weir_tls_sessions_take(struct weir_tls_sessions *sessions)
{
    SSL_SESSION *session = NULL;

    pthread_mutex_lock(&sessions->lock);
    while (sessions->n > 0 && !session) {
        session = sessions->kept[--sessions->n];
        if (is_fresh(session))
            break;
        SSL_SESSION_free(session);
        session = NULL;
    }
    if (session && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) {
        session = SSL_SESSION_dup(session);
        sessions->n++;
    }
    pthread_mutex_unlock(&sessions->lock);
    return session;
}
