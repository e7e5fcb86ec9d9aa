#include "weir/net/tls.h"

#include "weir/base/gather.h"
#include "weir/net/stream.h"

#include "tls_socket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How often one read asks the socket again behind records without content (tickets, new keys): no
 * peer holds the loop up with them. */
enum { EMPTY_READS_MAX = 4 };

struct weir_tls *weir_tls_create(SSL *ssl)
{
    struct weir_tls *tls = calloc(1, sizeof(*tls));

    if (!tls) {
        SSL_free(ssl);
        return NULL;
    }
    tls->ssl = ssl;
    /* What a gather holds moves, and is written as far as it goes; who is idle holds no buffers. */
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
    SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    return tls;
}

struct weir_tls *weir_tls_create_accepting(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);

    if (!ssl)
        return NULL;
    SSL_set_accept_state(ssl);
    /* One recv for a record instead of two: it stays with this stream, whatever was read ahead. */
    SSL_set_read_ahead(ssl, 1);
    return weir_tls_create(ssl);
}

bool weir_tls_bind(struct weir_tls *tls, int fd)
{
    BIO *socket;

    tls->fd = fd;
    if (SSL_get_rbio(tls->ssl))
        return true; /* which goes on counting */
    ERR_clear_error();
    socket = weir_tls_socket_create(tls);
    if (!socket)
        return false;
    SSL_set_bio(tls->ssl, socket, socket);
    return true;
}

void weir_tls_hold_back(struct weir_tls *tls)
{
    tls->holds_back = true;
}

uint64_t weir_tls_wire_out(const struct weir_tls *tls)
{
    return BIO_number_written(SSL_get_wbio(tls->ssl));
}

bool weir_tls_is_untrusted(const struct weir_tls *tls)
{
    return SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
           SSL_get_verify_result(tls->ssl) != X509_V_OK;
}

int weir_tls_shut(struct weir_tls *tls)
{
    bool has_begun = SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN;

    if (tls->has_failed || !SSL_is_init_finished(tls->ssl) || (has_begun && !tls->owes_goodbye))
        return 0;
    ERR_clear_error();
    tls->owes_goodbye = SSL_shutdown(tls->ssl) < 0 && SSL_want(tls->ssl) == SSL_WRITING;
    return tls->owes_goodbye ? WEIR_STREAM_PAUSED : 0;
}

void weir_tls_pass_order(void)
{
#ifdef __SANITIZE_THREAD__
    static atomic_uint order;

    atomic_fetch_add(&order, 1);
#endif
}

void weir_tls_destroy(struct weir_tls *tls, bool with_goodbye)
{
    if (!tls)
        return;
    if (with_goodbye)
        (void)weir_tls_shut(tls);
    /* OpenSSL would forbid to resume the session of a connection that ends without a goodbye; the
     * reset is weir's own way to end. */
    SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    weir_tls_pass_order();
    SSL_free(tls->ssl);
    free(tls);
}

static ssize_t fail(struct weir_tls *tls, ssize_t result)
{
    tls->has_failed = true;
    return result;
}

/* What RESULT of a call that moved nothing means. *WANTS: what to wait for when it is PAUSED. */
static ssize_t explain(struct weir_tls *tls, int result, unsigned *wants)
{
    int saved = errno;
    unsigned long error;

    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *wants = WEIR_WANT_READ;
        return WEIR_STREAM_PAUSED;
    case SSL_ERROR_WANT_WRITE:
        *wants = WEIR_WANT_WRITE;
        return WEIR_STREAM_PAUSED;
    case SSL_ERROR_ZERO_RETURN:
        return WEIR_STREAM_END;
    case SSL_ERROR_SYSCALL:
        return fail(tls, saved ? -saved : WEIR_STREAM_CUT);
    default:
        error = ERR_peek_error();
        if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
            return fail(tls, WEIR_STREAM_CUT);
        tls->fault = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED
                         ? X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl))
                         : ERR_reason_error_string(error);
        return fail(tls, ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST ? -EPROTOTYPE : -EPROTO);
    }
}

int weir_tls_handshake(struct weir_tls *tls, unsigned *wants)
{
    ssize_t n;
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        return 0;
    n = explain(tls, result, wants);
    return n == WEIR_STREAM_CUT || n == WEIR_STREAM_END ? -ECONNRESET : (int)n;
}

/* One record's worth. What is buffered is no whole record when the socket had to be asked and had
 * nothing. */
static ssize_t read_once(struct weir_tls *tls, char *data, int room, bool peek)
{
    unsigned wants = WEIR_WANT_READ;
    ssize_t n;
    int result;

    ERR_clear_error();
    errno = 0;
    tls->is_dry = tls->reads_by_writing = false;
    result = peek ? SSL_peek(tls->ssl, data, room) : SSL_read(tls->ssl, data, room);
    if (result > 0)
        return result;
    tls->is_dry = errno == EAGAIN || errno == EWOULDBLOCK;
    n = explain(tls, result, &wants);
    tls->is_dry |= n != WEIR_STREAM_PAUSED;
    tls->reads_by_writing = n == WEIR_STREAM_PAUSED && wants == WEIR_WANT_WRITE;
    return n;
}

ssize_t weir_tls_read(struct weir_tls *tls, char *data, size_t len, bool peek)
{
    int room = len < INT32_MAX ? (int)len : INT32_MAX;
    ssize_t n = WEIR_STREAM_PAUSED;

    for (int i = 0; i < EMPTY_READS_MAX && n == WEIR_STREAM_PAUSED; i++) {
        n = read_once(tls, data, room, peek);
        if (tls->is_dry || tls->reads_by_writing)
            break;
    }
    return n;
}

/* The next bytes as one piece: as they lie, where that is enough for a record; small slices are
 * copied together, since each write is a record of its own. */
static struct weir_slice next_piece(const struct weir_gather *gather, struct weir_block *block)
{
    struct weir_slice piece = gather->slices[gather->first];
    size_t len = 0;

    if (piece.len >= WEIR_BLOCK_BYTES || gather->first + 1 == gather->n)
        return piece;
    for (uint32_t i = gather->first; i < gather->n && len < WEIR_BLOCK_BYTES; i++) {
        size_t room = WEIR_BLOCK_BYTES - len;
        size_t taken = gather->slices[i].len < room ? gather->slices[i].len : room;
        memcpy(block->data + len, gather->slices[i].data, taken);
        len += taken;
    }
    return weir_slice_make(block->data, len);
}

ssize_t weir_tls_write(struct weir_tls *tls, struct weir_gather *gather, struct weir_slab *blocks)
{
    struct weir_block *block = weir_block_take(blocks, WEIR_BLOCK_BYTES);
    unsigned wants = WEIR_WANT_WRITE;
    ssize_t written = 0, n = tls->write_error;

    if (!block)
        return -ENOMEM;
    ERR_clear_error();
    while (n == 0 && !weir_gather_is_empty(gather)) {
        struct weir_slice piece = next_piece(gather, block);
        int len = piece.len < INT32_MAX ? (int)piece.len : INT32_MAX;
        errno = 0;
        int result = len > 0 ? SSL_write(tls->ssl, piece.data, len) : 0;
        if (result <= 0 && len > 0) {
            n = explain(tls, result, &wants);
            break;
        }
        weir_gather_advance(gather, (size_t)result);
        written += result;
    }
    weir_block_give(blocks, &block);
    /* The socket tells of its end once. */
    tls->write_error = n == WEIR_STREAM_PAUSED ? 0 : n;
    if (written > 0)
        return written;
    /* Whoever does not read any more is not there any more. */
    return n == WEIR_STREAM_END || n == WEIR_STREAM_CUT ? -EPIPE : n;
}

bool weir_tls_has_pending(const struct weir_tls *tls)
{
    return !tls->is_dry && SSL_has_pending(tls->ssl) == 1;
}

const char *weir_tls_version(const struct weir_tls *tls)
{
    return SSL_get_version(tls->ssl);
}

bool weir_tls_is_resumed(const struct weir_tls *tls)
{
    return SSL_session_reused(tls->ssl) == 1;
}

/* XN_FLAG_RFC2253 escapes control characters and all that is above ASCII, so a name can't break the
 * line that it comes to stand in. */
static bool print_subject(const X509 *certificate, BIO *out, char *text, size_t size)
{
    const X509_NAME *name = X509_get_subject_name(certificate);
    char *data;

    if (!name || X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) < 0)
        return false;
    size_t len = (size_t)BIO_get_mem_data(out, &data);
    if (len == 0 || len >= size)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (data[i] < 0x20 || data[i] > 0x7e)
            return false;
    }
    memcpy(text, data, len);
    text[len] = '\0';
    return true;
}

bool weir_tls_subject(const struct weir_tls *tls, char *text, size_t size)
{
    const X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    bool is_done = false;
    BIO *out = NULL;

    if (certificate && SSL_get_verify_result(tls->ssl) == X509_V_OK)
        out = BIO_new(BIO_s_mem());
    if (out)
        is_done = print_subject(certificate, out, text, size);
    BIO_free(out);
    return is_done;
}
