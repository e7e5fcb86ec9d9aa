#include "tls_socket.h"

#include "weir/net/call.h"
#include "weir/net/stream.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* NULL: out of memory */

static bool is_worth_retrying(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* `weir probe` has no loop to tell. */
static void drain(const struct weir_tls *tls, uint32_t event)
{
    if (tls->stream)
        weir_watch_drain(&tls->stream->watch, event);
}

static int write_some(BIO *bio, const char *data, int len)
{
    struct weir_tls *tls = BIO_get_data(bio);
    ssize_t n = weir_call_send(tls->fd, data, (size_t)len,
                               MSG_NOSIGNAL | (tls->holds_back ? MSG_MORE : 0));

    BIO_clear_retry_flags(bio);
    if (is_worth_retrying(n))
        BIO_set_retry_write(bio);
    if (n < 0)
        drain(tls, EPOLLOUT);
    return (int)n;
}

static int read_some(BIO *bio, char *data, int len)
{
    struct weir_tls *tls = BIO_get_data(bio);
    ssize_t n = weir_call_recv(tls->fd, data, (size_t)len, 0);

    BIO_clear_retry_flags(bio);
    if (is_worth_retrying(n))
        BIO_set_retry_read(bio);
    if (n < 0 || (n > 0 && n < len))
        drain(tls, EPOLLIN);
    tls->socket_ended = n == 0;
    return (int)n;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    struct weir_tls *tls = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return tls->socket_ended;
    return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    if (method && (!BIO_meth_set_write(method, write_some) ||
                   !BIO_meth_set_read(method, read_some) || !BIO_meth_set_ctrl(method, control))) {
        BIO_meth_free(method);
        method = NULL;
    }
}

BIO *weir_tls_socket_create(struct weir_tls *tls)
{
    BIO *bio;

    pthread_once(&once, make_method);
    bio = method ? BIO_new(method) : NULL;
    if (!bio)
        return NULL;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}
