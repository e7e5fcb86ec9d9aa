#include "load_tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct load_tls *tls = SSL_get_app_data(ssl);

    SSL_SESSION_free(tls->session);
    tls->session = session;
    return 1; /* kept */
}

SSL_CTX *load_tls_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (!context)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, on_session);
    return context;
}

bool load_tls_open(struct load_tls *tls, SSL_CTX *context, int fd, bool resume)
{
    tls->ssl = SSL_new(context);
    if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1)
        return false;
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_tlsext_host_name(tls->ssl, "localhost");
    SSL_set_connect_state(tls->ssl);
    return !resume || !tls->session || SSL_set_session(tls->ssl, tls->session) == 1;
}

void load_tls_close(struct load_tls *tls)
{
    if (!tls->ssl)
        return;
    SSL_set_shutdown(tls->ssl,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or it is not resumable */
    SSL_free(tls->ssl);
    tls->ssl = NULL;
}

static ssize_t result(struct load_tls *tls, int got)
{
    if (got > 0)
        return got;
    switch (SSL_get_error(tls->ssl, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        errno = ECONNRESET;
        return -1;
    }
}

ssize_t load_tls_write(struct load_tls *tls, const char *data, size_t len)
{
    return result(tls, SSL_write(tls->ssl, data, len < INT_MAX ? (int)len : INT_MAX));
}

ssize_t load_tls_read(struct load_tls *tls, char *data, size_t len)
{
    return result(tls, SSL_read(tls->ssl, data, len < INT_MAX ? (int)len : INT_MAX));
}
