/* The PROXY protocol: a header that a balancer puts before all other bytes of a connection, to tell
 * whose connection it carries on. Read in versions 1 and 2, strictly and within bounds; written in
 * both. Pure. Source: HAProxy's doc/proxy-protocol.txt. */
#ifndef WEIR_NET_PROXY_PROTOCOL_H
#define WEIR_NET_PROXY_PROTOCOL_H

#include "weir/net/address.h"

/* Which one is written; OFF: none. */
enum weir_proxy_version { WEIR_PROXY_OFF, WEIR_PROXY_V1, WEIR_PROXY_V2 };

/* The longest that is read: of version 1 by its definition; of version 2, whose length field could
 * say 65535, the addresses and what a balancer has to add to them. */
enum {
    WEIR_PROXY_V1_BYTES_MAX = 107,
    WEIR_PROXY_V2_FIXED_BYTES = 16,
    WEIR_PROXY_V2_REST_BYTES_MAX = 4096,
    WEIR_PROXY_BYTES_MAX = WEIR_PROXY_V2_FIXED_BYTES + WEIR_PROXY_V2_REST_BYTES_MAX,
    WEIR_PROXY_WRITTEN_BYTES_MAX = WEIR_PROXY_V1_BYTES_MAX
};

/* Whose connection it is. */
enum weir_proxy_subject {
    WEIR_PROXY_LOCAL,  /* the sender's own */
    WEIR_PROXY_UNTOLD, /* somebody's of whom the sender can't tell */
    WEIR_PROXY_CLIENT  /* source's, which connected to destination */
};

struct weir_proxy_header {
    enum weir_proxy_subject subject;
    struct weir_address source, destination; /* of a CLIENT; of a Unix socket's the family alone */
};

enum weir_proxy_verdict {
    WEIR_PROXY_MORE, /* a header may become of it: every byte that is here belongs to it */
    WEIR_PROXY_DONE,
    WEIR_PROXY_BAD
};

/* Reads the header from the beginning of LEN bytes, which may be cut anywhere. DONE: *header, and
 * *used bytes are the header's. BAD: *reason says why, for people. */
enum weir_proxy_verdict weir_proxy_protocol_read(const char *data, size_t len,
                                                 struct weir_proxy_header *header, size_t *used,
                                                 const char **reason);

/* Writes the header for a client at SOURCE that connected to DESTINATION, both NULL for a
 * connection of weir's own. TEXT holds WEIR_PROXY_WRITTEN_BYTES_MAX bytes. Addresses of no common
 * family are not told. Returns the header's length. */
size_t weir_proxy_protocol_write(enum weir_proxy_version version, const struct weir_address *source,
                                 const struct weir_address *destination, char *text);

#endif
