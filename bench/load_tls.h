/* The loader's side of TLS: what a connection reads and writes through, and what it resumes with.
 */
#ifndef WEIR_BENCH_LOAD_TLS_H
#define WEIR_BENCH_LOAD_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct load_tls {
    SSL *ssl;
    SSL_SESSION *session; /* the last that the server gave, if it is to be resumed */
};

/* Certificates are not verified: load is not a client's trust. */
SSL_CTX *load_tls_context(void);

/* Begins a connection over FD, with the session kept if RESUME says so. */
bool load_tls_open(struct load_tls *tls, SSL_CTX *context, int fd, bool resume);

/* Without a word to the server. The session stays. */
void load_tls_close(struct load_tls *tls);

/* As send and recv: -1 with EAGAIN where it has to wait, for whichever direction. */
ssize_t load_tls_write(struct load_tls *tls, const char *data, size_t len);
ssize_t load_tls_read(struct load_tls *tls, char *data, size_t len);

#endif
