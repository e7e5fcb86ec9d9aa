/* The socket of a TLS stream, for OpenSSL: as its own BIO for sockets, but what is written last can
 * be held back for the FIN, and no call is a cancellation point (call.h). Source: BIO_meth_new(3).
 */
#ifndef WEIR_NET_TLS_SOCKET_H
#define WEIR_NET_TLS_SOCKET_H

#include <openssl/types.h>

struct weir_tls;

/* A BIO on TLS's descriptor, whichever that is at the time. Fails: NULL, out of memory. */
BIO *weir_tls_socket_create(struct weir_tls *tls);

#endif
