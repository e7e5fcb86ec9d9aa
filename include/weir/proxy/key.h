/* What consistent hashing goes by: the same client, host or path has the same key, whatever else a
 * request says. Pure. */
#ifndef WEIR_PROXY_KEY_H
#define WEIR_PROXY_KEY_H

#include "weir/http/message.h"
#include "weir/net/address.h"

/* The peer's address without its port; an IPv4 one also where it is mapped to IPv6. */
uint64_t weir_key_of_source(const struct weir_address *peer);

/* The host without its port, in any case; the same for all requests that name none. */
uint64_t weir_key_of_host(const struct weir_request *request);

/* The path without the query, byte by byte. */
uint64_t weir_key_of_path(const struct weir_request *request);

#endif
