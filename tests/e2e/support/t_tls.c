#define T_HARNESS
#include "t_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 16384, LOOK_MS = 50 };

/* Bytes on their way in one direction. */
struct bytes {
    char data[PIECE];
    size_t at, end;
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct t_tls *tls = SSL_get_app_data(ssl);

    SSL_SESSION_free(atomic_exchange(&tls->session, session));
    return 1;
}

static SSL *make_ssl(struct t_tls *tls, const struct t_tls_wish *wish)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Weak things are tried on purpose. */
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, wish->version);
    SSL_CTX_set_max_proto_version(context, wish->version);
    if ((wish->ciphers && SSL_CTX_set_cipher_list(context, wish->ciphers) != 1) ||
        (wish->signatures && SSL_CTX_set1_sigalgs_list(context, wish->signatures) != 1))
        t_fail("OpenSSL does not know what the client wishes");
    if (wish->certificate &&
        (SSL_CTX_use_certificate_chain_file(context, t_path(t_text("%s.pem", wish->certificate))) !=
             1 ||
         SSL_CTX_use_PrivateKey_file(context, t_path(t_text("%s.key", wish->certificate)),
                                     SSL_FILETYPE_PEM) != 1))
        t_fail("no certificate %s", wish->certificate);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_app_data(ssl, tls);
    if (wish->name)
        SSL_set_tlsext_host_name(ssl, wish->name);
    if (wish->protocols)
        SSL_set_alpn_protos(ssl, (const unsigned char *)wish->protocols,
                            (unsigned)strlen(wish->protocols));
    if (wish->session)
        SSL_set_session(ssl, wish->session);
    SSL_set_fd(ssl, tls->fd);
    SSL_set_connect_state(ssl);
    return ssl;
}

/* ---- The thread ---- */

/* What ended weir's side. */
static enum t_tls_end judge(SSL *ssl, int result, int error)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return T_TLS_OPEN;
    case SSL_ERROR_ZERO_RETURN:
        return T_TLS_GOODBYE;
    case SSL_ERROR_SYSCALL:
        return error == ECONNRESET || error == EPIPE ? T_TLS_RESET : T_TLS_CUT;
    default:
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
                   ? T_TLS_CUT
                   : T_TLS_BROKEN;
    }
}

static void read_weir(struct t_tls *tls, struct bytes *in)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(tls->ssl, in->data, PIECE);
    enum t_tls_end end;

    in->at = 0;
    in->end = n > 0 ? (size_t)n : 0;
    end = n > 0 ? T_TLS_OPEN : judge(tls->ssl, n, errno);
    if (end == T_TLS_OPEN)
        return;
    atomic_store(&tls->end, end);
    shutdown(tls->far, SHUT_WR);
}

static void write_weir(struct t_tls *tls, struct bytes *out)
{
    ERR_clear_error();
    errno = 0;
    int n = SSL_write(tls->ssl, out->data + out->at, (int)(out->end - out->at));
    enum t_tls_end none = T_TLS_OPEN;

    if (n > 0) {
        out->at += (size_t)n;
        return;
    }
    enum t_tls_end end = judge(tls->ssl, n, errno);
    if (end == T_TLS_OPEN)
        return;
    out->at = out->end;
    if (atomic_compare_exchange_strong(&tls->end, &none, end))
        shutdown(tls->far, SHUT_WR);
}

/* One round. False: the test has closed its end. */
static bool carry(struct t_tls *tls, struct bytes *in, struct bytes *out, bool *half_closed)
{
    bool is_open = atomic_load(&tls->end) == T_TLS_OPEN;
    bool reads = is_open && in->at == in->end, has_out = out->at < out->end;
    struct pollfd polled[] = {
        {.fd = tls->fd, .events = (short)((reads ? POLLIN : 0) | (has_out ? POLLOUT : 0))},
        {.fd = tls->far,
         .events = (short)((in->at < in->end ? POLLOUT : 0) |
                           (has_out || *half_closed ? 0 : POLLIN))}};

    if (!polled[0].events)
        polled[0].fd = -1;
    (void)poll(polled, 2, reads && SSL_pending(tls->ssl) > 0 ? 0 : LOOK_MS);
    if (atomic_exchange(&tls->asks_new_keys, false))
        SSL_key_update(tls->ssl, SSL_KEY_UPDATE_REQUESTED);
    if (reads)
        read_weir(tls, in);
    if (in->at < in->end) {
        ssize_t n = send(tls->far, in->data + in->at, in->end - in->at, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        in->at += n > 0 ? (size_t)n : 0;
    }
    if (!has_out && !*half_closed) {
        ssize_t n = recv(tls->far, out->data, PIECE, 0);
        out->at = 0;
        out->end = n > 0 ? (size_t)n : 0;
        *half_closed = n == 0;
        if (*half_closed)
            SSL_shutdown(tls->ssl);
    }
    if (out->at < out->end)
        write_weir(tls, out);
    return !(*half_closed && polled[1].revents & POLLHUP);
}

static void *run(void *argument)
{
    struct t_tls *tls = argument;
    struct bytes in = {.at = 0}, out = {.at = 0};
    bool half_closed = false;

    while (carry(tls, &in, &out, &half_closed))
        ;
    close(tls->fd);
    close(tls->far);
    SSL_free(tls->ssl);
    return NULL;
}

/* ---- The test's ---- */

static void shake_hands(struct t_tls *tls)
{
    int64_t deadline_ms = t_deadline_ms();
    int result, error;

    for (;;) {
        ERR_clear_error();
        errno = 0;
        result = SSL_do_handshake(tls->ssl);
        if (result == 1)
            return;
        error = SSL_get_error(tls->ssl, result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            break;
        struct pollfd polled = {.fd = tls->fd,
                                .events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT};
        if (poll(&polled, 1, t_left_ms(deadline_ms)) == 0)
            t_fail("no handshake in time");
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    tls->refusal = reason ? reason : errno ? strerror(errno) : "the connection ended";
}

static void note_facts(struct t_tls *tls)
{
    const unsigned char *protocol;
    unsigned len;
    X509 *shown = SSL_get1_peer_certificate(tls->ssl);
    char subject[256] = "";

    SSL_get0_alpn_selected(tls->ssl, &protocol, &len);
    tls->version = SSL_get_version(tls->ssl);
    tls->cipher = SSL_get_cipher_name(tls->ssl);
    tls->protocol = len > 0 ? t_copy(protocol, len) : NULL;
    tls->is_resumed = SSL_session_reused(tls->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, subject,
                              sizeof(subject));
    tls->subject = t_copy(subject, strlen(subject));
    tls->is_rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(shown)) == EVP_PKEY_RSA;
    X509_free(shown);
}

/* From here on what weir says is what there is to see, in TLS 1.3 a refusal too. */
static void start(struct t_tls *tls)
{
    pthread_t thread;
    int pair[2];

    note_facts(tls);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        t_fail("no socket pair: %s", strerror(errno));
    tls->far = pair[1];
    tls->conn = t_conn_adopt(pair[0], "TLS client");
    if (pthread_create(&thread, NULL, run, tls) != 0)
        t_fail("no thread");
    pthread_detach(thread);
}

static void send_before(struct t_conn *raw, const struct t_tls_wish *wish)
{
    int on = 1;

    if (!wish->before)
        return;
    if (wish->in_pieces) {
        t_send_in_pieces(raw, wish->before, wish->before_len, 1);
        return;
    }
    setsockopt(raw->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
    t_send_bytes(raw, wish->before, wish->before_len);
}

struct t_tls *t_tls_try(int port, const struct t_tls_wish *wish)
{
    static const struct t_tls_wish nothing = {.name = NULL};
    struct t_tls *tls = t_alloc(sizeof(*tls));
    struct t_conn *raw;

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes as if to a file. */
    wish = wish ? wish : &nothing;
    raw = wish->receive_bytes ? t_connect_small(port, wish->receive_bytes) : t_connect(port);
    tls->fd = raw->fd;
    tls->ssl = make_ssl(tls, wish);
    send_before(raw, wish);
    shake_hands(tls);
    setsockopt(raw->fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int));
    if (!tls->refusal)
        start(tls);
    return tls;
}

struct t_tls *t_tls_connect(int port, const struct t_tls_wish *wish)
{
    struct t_tls *tls = t_tls_try(port, wish);

    if (tls->refusal)
        t_fail("the handshake was refused: %s", tls->refusal);
    return tls;
}

void t_tls_expect_refusal(int port, const struct t_tls_wish *wish, const char *reason)
{
    struct t_tls *tls = t_tls_try(port, wish);

    if (!tls->refusal)
        t_fail("the handshake was to be refused: %s", reason);
    t_assert_contains(tls->refusal, reason);
}

void t_tls_expect_end(struct t_tls *tls, enum t_tls_end end)
{
    static const char *const words[] = {"open", "goodbye", "cut", "reset", "broken"};
    int64_t deadline_ms = t_deadline_ms();

    while (atomic_load(&tls->end) == T_TLS_OPEN && t_left_ms(deadline_ms) > 0)
        t_nap();
    t_assert_text(words[atomic_load(&tls->end)], words[end]);
}

/* What tests have asked for lives until they end, in sight of LeakSanitizer. */
static SSL_SESSION *kept[256];

SSL_SESSION *t_tls_session(struct t_tls *tls)
{
    static size_t n;
    int64_t deadline_ms = t_deadline_ms();
    SSL_SESSION *session;

    while (!(session = atomic_exchange(&tls->session, NULL))) {
        if (t_left_ms(deadline_ms) == 0)
            t_fail("no session in time");
        t_nap();
    }
    if (n == sizeof(kept) / sizeof(*kept))
        t_fail("too many sessions");
    kept[n++] = session;
    return session;
}

void t_tls_cut(struct t_tls *tls)
{
    shutdown(tls->fd, SHUT_WR);
}

void t_tls_certificate(const char *name, const struct certificate_wish *wish)
{
    certificate_write(t_dir(), name, wish);
}
