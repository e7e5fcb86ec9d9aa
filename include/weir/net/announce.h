/* The PROXY header that a connection to a server begins with, before TLS if there is any. */
#ifndef WEIR_NET_ANNOUNCE_H
#define WEIR_NET_ANNOUNCE_H

#include "weir/net/proxy_protocol.h"
#include "weir/net/stream.h"

/* Writes the header for a client at SOURCE that connected to DESTINATION, both NULL for a
 * connection of weir's own; nothing when VERSION is OFF. STREAM is connected and still plain.
 * Returns the header's length. Fails: -errno. */
ssize_t weir_announce_write(struct weir_stream *stream, enum weir_proxy_version version,
                            const struct weir_address *source,
                            const struct weir_address *destination);

#endif
