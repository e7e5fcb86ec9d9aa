/* Addresses as people write them (`HOST:PORT`, `[IPv6]:PORT`, `:PORT`, `unix:/path`) and as the
 * kernel takes them. Pure but for weir_address_resolve. */
#ifndef WEIR_NET_ADDRESS_H
#define WEIR_NET_ADDRESS_H

#include "weir/base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for any address as text: a Unix path of 107 bytes with its prefix is the longest. */
#define WEIR_ADDRESS_TEXT_MAX 128

struct weir_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    };
};

/* What an ADDR says, before any name in it is resolved. */
struct weir_endpoint {
    enum { WEIR_ENDPOINT_INET, WEIR_ENDPOINT_UNIX } kind;
    char host[256]; /* a name or a literal without brackets; "" for `:PORT`; the path for Unix */
    uint16_t port;  /* 0 for Unix */
    bool is_literal;
};

/* Reads an ADDR. Fails: false, and *reason says in a few static words what would be right. */
bool weir_endpoint_parse(struct weir_slice text, struct weir_endpoint *endpoint,
                         const char **reason);

/* A literal or Unix endpoint (or `:PORT`, which becomes the wildcard) to an address.
 * Fails: false when the host is a name. */
bool weir_endpoint_to_address(const struct weir_endpoint *endpoint, struct weir_address *address);

/* An IPv4 or IPv6 literal alone, without brackets, port or zone, to an address with port 0.
 * Fails: false. */
bool weir_address_from_literal(const char *text, struct weir_address *address);

/* An endpoint as above, and asks the system's resolver for names; the first answer counts.
 * Blocks: on DNS; control and command line only. Fails: false, *reason as from getaddrinfo(3). */
bool weir_address_resolve(const struct weir_endpoint *endpoint, struct weir_address *address,
                          const char **reason);

/* An address as text: `127.0.0.1:80`, `[::1]:80`, `unix:/path`. TEXT holds
 * WEIR_ADDRESS_TEXT_MAX bytes. Returns TEXT. */
char *weir_address_describe(const struct weir_address *address, char *text);

/* Only the host: `127.0.0.1`, `::1` (an IPv4-mapped one as IPv4), `unix` for a Unix socket. */
char *weir_address_describe_host(const struct weir_address *address, char *text);

/* The host's 16 bytes, IPv4 in the form that is mapped to IPv6. Fails: false for what is neither.
 */
bool weir_address_to_mapped(const struct weir_address *address, uint8_t bytes[16]);

uint16_t weir_address_port(const struct weir_address *address);
/* Nothing happens to a Unix address. */
void weir_address_set_port(struct weir_address *address, uint16_t port);
bool weir_address_is_equal(const struct weir_address *a, const struct weir_address *b);

/* A block of addresses, `10.0.0.0/8`, `::1`, or `unix` for every Unix peer. */
struct weir_network {
    uint8_t family_bits; /* length of prefix, counted in the IPv6-mapped form: 96 more for IPv4 */
    bool is_unix;
    uint8_t prefix[16];
};

bool weir_network_parse(struct weir_slice text, struct weir_network *network);
bool weir_network_has(const struct weir_network *network, const struct weir_address *address);

#endif
