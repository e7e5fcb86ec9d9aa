/* Origins that speak TLS. */
#define T_HARNESS
#include "t_tls_origin.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- As a way of a t_conn ---- */

SSL *t_tls_of(struct t_conn *conn)
{
    return conn->way_data;
}

static ssize_t explain(SSL *ssl, int result)
{
    int saved = errno;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        errno = saved ? saved : ECONNABORTED;
        return -1;
    default:
        errno = ECONNABORTED;
        return -1;
    }
}

static ssize_t tls_receive(struct t_conn *conn, void *data, size_t len)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(t_tls_of(conn), data, (int)len);
    return n > 0 ? n : explain(t_tls_of(conn), n);
}

static ssize_t tls_send(struct t_conn *conn, const void *data, size_t len)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_write(t_tls_of(conn), data, len < 1 << 20 ? (int)len : 1 << 20);
    ssize_t result = n > 0 ? n : explain(t_tls_of(conn), n);
    if (result == 0) {
        errno = EPIPE;
        return -1;
    }
    return result;
}

static void tls_conclude(struct t_conn *conn)
{
    ERR_clear_error();
    (void)SSL_shutdown(t_tls_of(conn));
    ERR_clear_error();
}

static const struct t_way way = {tls_receive, tls_send, tls_conclude};

void t_tls_break_off(struct t_conn *conn)
{
    conn->way = NULL;
    t_close(conn);
}

/* ---- Contexts and handshakes ---- */

/* What lives until the test ends is found by LeakSanitizer here. */
static struct t_kept {
    struct t_kept *next;
    void *what;
} * all_kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(void *what)
{
    struct t_kept *kept = t_alloc(sizeof(*kept));
    pthread_mutex_lock(&kept_lock);
    *kept = (struct t_kept){all_kept, what};
    all_kept = kept;
    pthread_mutex_unlock(&kept_lock);
}

void t_tls_open(struct t_tls *tls, const char *name, const struct t_certificate *certificate)
{
    (t_certificate_write)(name, certificate);
    memset(tls, 0, sizeof(*tls));
    tls->context = SSL_CTX_new(TLS_server_method());
    keep(tls->context);
    if (!tls->context ||
        SSL_CTX_use_certificate_chain_file(tls->context, t_path(t_text("%s.pem", name))) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls->context, t_path(t_text("%s.key", name)),
                                    SSL_FILETYPE_PEM) != 1)
        t_fail("no TLS context with %s.pem", name);
    SSL_CTX_set_mode(tls->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_id_context(tls->context, (const unsigned char *)"t", 1);
}

static void note(struct t_tls *tls, SSL *ssl)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    tls->handshakes++;
    tls->resumed += SSL_session_reused(ssl);
    tls->with_sni += sni != NULL;
    snprintf(tls->last_sni, sizeof(tls->last_sni), "%s", sni ? sni : "");
}

/* Returns 1, or what SSL_accept said. */
static int shake_hands(SSL *ssl, int fd)
{
    int64_t deadline = t_deadline_ms();
    for (;;) {
        ERR_clear_error();
        int result = SSL_accept(ssl);
        int error = SSL_get_error(ssl, result);
        if (result == 1 || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE))
            return result;
        struct pollfd one = {.fd = fd, .events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT};
        if (poll(&one, 1, t_left_ms(deadline)) == 0)
            return 0;
    }
}

static SSL *begin(struct t_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->context);
    sigset_t pipe;
    int on = 1;
    /* OpenSSL writes without MSG_NOSIGNAL. */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!ssl || SSL_set_fd(ssl, fd) != 1)
        abort();
    return ssl;
}

struct t_conn *t_tls_accept(struct t_origin *origin, struct t_tls *tls)
{
    struct t_conn *conn = (t_accept)(origin);
    SSL *ssl = begin(tls, conn->fd);
    if (shake_hands(ssl, conn->fd) != 1)
        t_fail("%s: no TLS handshake: %s", conn->name,
               ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error()) : "it ended");
    note(tls, ssl);
    conn->way = &way;
    conn->way_data = ssl;
    keep(ssl);
    return conn;
}

void t_tls_refused(struct t_origin *origin, struct t_tls *tls)
{
    struct t_conn *conn = (t_accept)(origin);
    SSL *ssl = begin(tls, conn->fd);
    char byte;
    /* With TLS 1.3 the server may learn only afterwards that its certificate was not liked. */
    if (shake_hands(ssl, conn->fd) == 1) {
        conn->way = &way;
        conn->way_data = ssl;
        struct pollfd one = {.fd = conn->fd, .events = POLLIN};
        poll(&one, 1, t_timeout_ms());
        if (SSL_read(ssl, &byte, 1) > 0)
            t_fail("%s: the peer accepts the certificate", conn->name);
    }
    tls->refused++;
    ERR_clear_error();
    SSL_free(ssl);
    conn->way = NULL;
    t_close(conn);
}

/* ---- Served ---- */

struct served {
    struct t_tls_server *server;
    int fd;
};

static bool write_all(SSL *ssl, const char *data, size_t len)
{
    while (len > 0) {
        int n = SSL_write(ssl, data, (int)len);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Says what concerns TLS alone. */
static void chatter(SSL *ssl, int number)
{
    if (number % 2)
        SSL_new_session_ticket(ssl);
    else
        SSL_key_update(ssl, number % 4 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(ssl);
}

/* Answers what is whole of the LEN bytes at IN. False: the connection is to end. */
static bool answer_all(struct t_tls_server *server, SSL *ssl, char *in, size_t *len)
{
    struct t_message request;
    const char *wrong;
    char answer[4096];
    while (*len > 0) {
        enum t_parse_result result = t_message_parse(&request, in, *len, NULL, false, &wrong);
        if (result != T_PARSE_DONE)
            return result == T_PARSE_MORE;
        bool keeps = true;
        pthread_mutex_lock(&server->lock);
        if (server->serve)
            keeps = server->serve(&request, answer, sizeof(answer), server->user);
        else
            snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(request.target), request.target);
        pthread_mutex_unlock(&server->lock);
        server->requests++;
        *len -= request.raw_len;
        memmove(in, in + request.raw_len, *len);
        t_message_fini(&request);
        if (!write_all(ssl, answer, strlen(answer)) || !keeps)
            return false;
        if (server->chatters)
            chatter(ssl, server->requests);
    }
    return true;
}

static void *serve_one(void *user)
{
    struct served *served = user;
    struct t_tls_server *server = served->server;
    SSL *ssl = begin(server->tls, served->fd);
    char in[65536];
    size_t len = 0;
    int n;
    if (shake_hands(ssl, served->fd) == 1) {
        note(server->tls, ssl);
        while (len < sizeof(in) && (n = SSL_read(ssl, in + len, (int)(sizeof(in) - len))) > 0) {
            len += (size_t)n;
            if (!answer_all(server, ssl, in, &len))
                break;
        }
        (void)SSL_shutdown(ssl);
    } else {
        server->tls->refused++;
    }
    ERR_clear_error();
    SSL_free(ssl);
    close(served->fd);
    server->open--;
    free(served);
    return NULL;
}

static void *serve_main(void *user)
{
    struct t_tls_server *server = user;
    struct pollfd both[2] = {{.fd = server->origin->fd, .events = POLLIN},
                             {.fd = server->stop, .events = POLLIN}};
    while (poll(both, 2, -1) >= 0 && !(both[1].revents & POLLIN)) {
        int fd = accept4(server->origin->fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (fd < 0)
            continue;
        struct served *served = malloc(sizeof(*served));
        if (!served)
            abort();
        *served = (struct served){server, fd};
        server->connections++;
        server->open++;
        if (pthread_create(&thread, NULL, serve_one, served) != 0)
            abort();
        pthread_detach(thread);
    }
    return NULL;
}

void t_tls_serve(struct t_tls_server *server, struct t_origin *origin, struct t_tls *tls,
                 t_tls_serve_fn *serve, void *user)
{
    *server = (struct t_tls_server){.origin = origin,
                                    .tls = tls,
                                    .serve = serve,
                                    .user = user,
                                    .stop = eventfd(0, EFD_CLOEXEC)};
    pthread_mutex_init(&server->lock, NULL);
    if (pthread_create(&server->thread, NULL, serve_main, server) != 0)
        t_fail("cannot start a thread");
}

void t_tls_serve_stop(struct t_tls_server *server)
{
    int64_t deadline = t_deadline_ms();
    eventfd_write(server->stop, 1);
    pthread_join(server->thread, NULL);
    while (server->open > 0 && t_left_ms(deadline))
        t_nap();
}
