#include "weir/net/tls.h"

#include "weir/base/gather.h"
#include "weir/net/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

struct weir_tls *weir_tls_create(SSL *ssl)
{
    struct weir_tls *tls = calloc(1, sizeof(*tls));

    if (tls)
        tls->ssl = ssl;
    else
        SSL_free(ssl);
    return tls;
}

struct weir_tls *weir_tls_create_accepting(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);

    if (!ssl)
        return NULL;
    SSL_set_accept_state(ssl);
    return weir_tls_create(ssl);
}

bool weir_tls_bind(struct weir_tls *tls, int fd)
{
    ERR_clear_error();
    return SSL_set_fd(tls->ssl, fd) == 1;
}

void weir_tls_shut(struct weir_tls *tls)
{
    ERR_clear_error();
    if (!tls->has_failed && SSL_is_init_finished(tls->ssl) &&
        !(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN))
        (void)SSL_shutdown(tls->ssl);
}

void weir_tls_destroy(struct weir_tls *tls, bool with_goodbye)
{
    if (!tls)
        return;
    if (with_goodbye)
        weir_tls_shut(tls);
    else
        /* Its session may be resumed all the same: the reset is weir's own way to end. */
        SSL_set_quiet_shutdown(tls->ssl, 1);
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
        tls->fault = ERR_reason_error_string(error);
        return fail(tls, -EPROTO);
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

ssize_t weir_tls_read(struct weir_tls *tls, char *data, size_t len, bool peek)
{
    int room = len < INT32_MAX ? (int)len : INT32_MAX;
    unsigned wants = WEIR_WANT_READ;
    ssize_t n;
    int result;

    ERR_clear_error();
    errno = 0;
    result = peek ? SSL_peek(tls->ssl, data, room) : SSL_read(tls->ssl, data, room);
    tls->is_dry = tls->reads_by_writing = false;
    if (result > 0)
        return result;
    n = explain(tls, result, &wants);
    tls->is_dry = true;
    tls->reads_by_writing = n == WEIR_STREAM_PAUSED && wants == WEIR_WANT_WRITE;
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
    ssize_t written = 0, n = 0;

    if (!block)
        return -ENOMEM;
    ERR_clear_error();
    while (!weir_gather_is_empty(gather)) {
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
    if (written > 0)
        return written;
    /* Whoever does not read any more is not there any more. */
    return n == WEIR_STREAM_END || n == WEIR_STREAM_CUT ? -EPIPE : n;
}

bool weir_tls_has_pending(const struct weir_tls *tls)
{
    return !tls->is_dry && SSL_has_pending(tls->ssl) == 1;
}
