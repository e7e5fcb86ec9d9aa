#include "weir/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"
#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define NAME_MAX_LEN 253 /* RFC 1035 section 2.3.4, less the length bytes */
#define LABEL_MAX_LEN 63
#define MAPPED_BITS 96

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool fail(const char **reason, const char *text)
{
    *reason = text;
    return false;
}

static void copy_text(char *to, size_t size, struct weir_slice from)
{
    size_t len = from.len < size ? from.len : size - 1;
    memcpy(to, from.data, len);
    to[len] = '\0';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    char lower = to_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '_';
}

/* Would a resolver take this label, as the last of a name, for part of an IPv4 address? */
static bool is_numeric_label(struct weir_slice label)
{
    bool is_hex = label.len > 1 && label.data[0] == '0' && to_lower(label.data[1]) == 'x';
    for (size_t i = 0; i < label.len; i++)
        if (!is_digit(label.data[i]))
            return is_hex;
    return true;
}

static bool is_label(struct weir_slice label)
{
    if (label.len == 0 || label.len > LABEL_MAX_LEN)
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_name_char(label.data[i]))
            return false;
    return label.data[0] != '-' && label.data[label.len - 1] != '-';
}

static bool check_name(struct weir_slice name, const char **reason)
{
    if (name.data[name.len - 1] == '.')
        name.len--;
    if (name.len > NAME_MAX_LEN)
        return fail(reason, "has a host name of more than 253 bytes");
    for (;;) {
        const char *dot = memchr(name.data, '.', name.len);
        struct weir_slice label = {name.data, dot == NULL ? name.len : (size_t)(dot - name.data)};
        if (!is_label(label))
            return fail(reason, "has a host that is neither an address nor a name; "
                                "a name is made of letters, digits, `-`, `_` and `.`");
        if (dot == NULL && is_numeric_label(label))
            return fail(reason, "has a host that is not an IPv4 address; "
                                "write four numbers of 0 to 255");
        if (dot == NULL)
            return true;
        name = weir_slice_make(dot + 1, name.len - label.len - 1);
    }
}

static bool parse_port(struct weir_slice text, uint16_t *port, const char **reason)
{
    uint32_t number = 0;

    if (text.len == 0)
        return fail(reason, "has no port after the colon; write HOST:PORT");
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return fail(reason, "has a port that is not a number; write 1 to 65535");
        if (number <= UINT16_MAX)
            number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (number == 0 || number > UINT16_MAX)
        return fail(reason, "has a port out of range; write 1 to 65535");
    *port = (uint16_t)number;
    return true;
}

static bool parse_unix(struct weir_slice path, struct weir_endpoint *endpoint, const char **reason)
{
    if (path.len > 0 && path.data[0] == '@')
        return fail(reason, "is an abstract socket, which has no file to keep others out; write "
                            "unix:/path");
    if (path.len == 0 || path.data[0] != '/')
        return fail(reason, "has no absolute path; write unix:/path");
    if (path.len > UNIX_PATH_MAX)
        return fail(reason, "has a path of more than 107 bytes, which the kernel does not take");
    endpoint->kind = WEIR_ENDPOINT_UNIX;
    endpoint->is_literal = true;
    copy_text(endpoint->host, sizeof(endpoint->host), path);
    return true;
}

/* The host is written back as inet_ntop(3) has it, so that one address has one spelling. */
static bool parse_ipv6(struct weir_slice host, struct weir_endpoint *endpoint, const char **reason)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (host.len > 0 && memchr(host.data, '%', host.len) != NULL)
        return fail(reason, "has a zone id, which is not supported");
    copy_text(text, sizeof(text), host);
    if (host.len >= sizeof(text) || inet_pton(AF_INET6, text, &address) != 1)
        return fail(reason, "has no IPv6 address inside the brackets; write [::1]:80");
    inet_ntop(AF_INET6, &address, endpoint->host, sizeof(endpoint->host));
    endpoint->is_literal = true;
    return true;
}

static bool parse_host(struct weir_slice host, struct weir_endpoint *endpoint, const char **reason)
{
    struct in_addr address;

    endpoint->is_literal = true;
    if (host.len == 0)
        return true;
    if (memchr(host.data, ':', host.len) != NULL)
        return fail(reason, "needs brackets around its IPv6 address; write [::1]:80");
    copy_text(endpoint->host, sizeof(endpoint->host), host);
    if (host.len < INET_ADDRSTRLEN && inet_pton(AF_INET, endpoint->host, &address) == 1)
        return true;
    endpoint->is_literal = false;
    for (char *c = endpoint->host; *c != '\0'; c++)
        *c = to_lower(*c);
    return check_name(host, reason);
}

bool weir_endpoint_parse(struct weir_slice text, struct weir_endpoint *endpoint,
                         const char **reason)
{
    *endpoint = (struct weir_endpoint){.kind = WEIR_ENDPOINT_INET};
    if (text.len == 0)
        return fail(reason, "is empty; write HOST:PORT");
    if (memchr(text.data, '\0', text.len) != NULL)
        return fail(reason, "holds a NUL byte; write HOST:PORT");
    if (weir_slice_has_prefix(text, weir_slice_from(UNIX_PREFIX))) {
        size_t skip = strlen(UNIX_PREFIX);
        return parse_unix(weir_slice_make(text.data + skip, text.len - skip), endpoint, reason);
    }
    const char *end = text.data + text.len;
    if (text.data[0] == '[') {
        const char *close = memchr(text.data, ']', text.len);
        if (close == NULL)
            return fail(reason, "has no closing bracket; write [::1]:80");
        if (close + 1 == end || close[1] != ':')
            return fail(reason, "has no port after the bracket; write [::1]:80");
        struct weir_slice host = {text.data + 1, (size_t)(close - text.data - 1)};
        struct weir_slice port = {close + 2, (size_t)(end - close - 2)};
        return parse_ipv6(host, endpoint, reason) && parse_port(port, &endpoint->port, reason);
    }
    const char *colon = memrchr(text.data, ':', text.len);
    if (colon == NULL)
        return fail(reason, is_numeric_label(text) ? "is a number alone; write HOST:PORT or :PORT"
                                                   : "has no port; write HOST:PORT");
    struct weir_slice host = {text.data, (size_t)(colon - text.data)};
    struct weir_slice port = {colon + 1, (size_t)(end - colon - 1)};
    return parse_host(host, endpoint, reason) && parse_port(port, &endpoint->port, reason);
}

static void set_unix(const char *path, struct weir_address *address)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;
    struct weir_slice text = weir_slice_from(path);

    un->sun_family = AF_UNIX;
    copy_text(un->sun_path, sizeof(un->sun_path), text);
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(un->sun_path) + 1);
}

bool weir_endpoint_to_address(const struct weir_endpoint *endpoint, struct weir_address *address)
{
    const char *host = endpoint->host[0] == '\0' ? "0.0.0.0" : endpoint->host;
    struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;

    *address = (struct weir_address){0};
    if (endpoint->kind == WEIR_ENDPOINT_UNIX) {
        set_unix(endpoint->host, address);
        return true;
    }
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint->port);
        address->len = sizeof(*in);
        return true;
    }
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(endpoint->port);
        address->len = sizeof(*in6);
        return true;
    }
    return false;
}

bool weir_address_from_literal(const char *text, struct weir_address *address)
{
    struct weir_endpoint endpoint = {.kind = WEIR_ENDPOINT_INET};
    struct weir_slice literal = weir_slice_from(text);

    if (literal.len == 0 || literal.len >= sizeof(endpoint.host))
        return false;
    copy_text(endpoint.host, sizeof(endpoint.host), literal);
    return weir_endpoint_to_address(&endpoint, address);
}

bool weir_address_resolve(const struct weir_endpoint *endpoint, struct weir_address *address,
                          const char **reason)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];

    if (weir_endpoint_to_address(endpoint, address))
        return true;
    snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
    int rc = getaddrinfo(endpoint->host, port, &hints, &found);
    if (rc != 0)
        return fail(reason, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    *address = (struct weir_address){.len = found->ai_addrlen};
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static void describe_unix(const struct weir_address *address, char *text)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->storage;
    size_t skip = offsetof(struct sockaddr_un, sun_path);
    size_t len = address->len > skip ? address->len - skip : 0;
    bool is_abstract = len > 1 && un->sun_path[0] == '\0';

    if (is_abstract)
        snprintf(text, WEIR_ADDRESS_TEXT_MAX, UNIX_PREFIX "@%.*s", (int)len - 1, un->sun_path + 1);
    else
        snprintf(text, WEIR_ADDRESS_TEXT_MAX, UNIX_PREFIX "%.*s", (int)len, un->sun_path);
}

char *weir_address_describe(const struct weir_address *address, char *text)
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;

    switch (address->any.sa_family) {
    case AF_UNIX:
        describe_unix(address, text);
        break;
    case AF_INET:
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(text, WEIR_ADDRESS_TEXT_MAX, "%s:%u", host, (unsigned)ntohs(in->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(text, WEIR_ADDRESS_TEXT_MAX, "[%s]:%u", host, (unsigned)ntohs(in6->sin6_port));
        break;
    default:
        snprintf(text, WEIR_ADDRESS_TEXT_MAX, "unknown");
    }
    return text;
}

bool weir_address_to_mapped(const struct weir_address *address, uint8_t bytes[16])
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;

    if (address->any.sa_family == AF_INET) {
        memcpy(bytes, mapped_prefix, sizeof(mapped_prefix));
        memcpy(bytes + sizeof(mapped_prefix), &in->sin_addr, 4);
        return true;
    }
    if (address->any.sa_family != AF_INET6)
        return false;
    memcpy(bytes, &in6->sin6_addr, 16);
    return true;
}

static bool is_mapped(const uint8_t bytes[16])
{
    return memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

/* As inet_ntop(3) writes it, which is on the way of each request and slow. */
static void print_ipv4(const uint8_t octets[4], char *text)
{
    for (int i = 0; i < 4; i++) {
        uint8_t octet = octets[i];
        if (octet >= 100)
            *text++ = (char)('0' + octet / 100);
        if (octet >= 10)
            *text++ = (char)('0' + octet / 10 % 10);
        *text++ = (char)('0' + octet % 10);
        *text++ = i < 3 ? '.' : '\0';
    }
}

char *weir_address_describe_host(const struct weir_address *address, char *text)
{
    uint8_t bytes[16];

    if (!weir_address_to_mapped(address, bytes))
        snprintf(text, WEIR_ADDRESS_TEXT_MAX, "%s",
                 address->any.sa_family == AF_UNIX ? "unix" : "unknown");
    else if (is_mapped(bytes))
        print_ipv4(bytes + sizeof(mapped_prefix), text);
    else
        inet_ntop(AF_INET6, bytes, text, WEIR_ADDRESS_TEXT_MAX);
    return text;
}

uint16_t weir_address_port(const struct weir_address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
    if (address->any.sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    return 0;
}

void weir_address_set_port(struct weir_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET)
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
    else if (address->any.sa_family == AF_INET6)
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
}

static uint32_t scope_of(const struct weir_address *address)
{
    return address->any.sa_family == AF_INET6
               ? ((const struct sockaddr_in6 *)&address->storage)->sin6_scope_id
               : 0;
}

bool weir_address_is_equal(const struct weir_address *a, const struct weir_address *b)
{
    uint8_t a_bytes[16], b_bytes[16];
    bool a_is_inet = weir_address_to_mapped(a, a_bytes);
    bool b_is_inet = weir_address_to_mapped(b, b_bytes);

    if (a_is_inet != b_is_inet)
        return false;
    if (!a_is_inet)
        return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
    return memcmp(a_bytes, b_bytes, 16) == 0 && weir_address_port(a) == weir_address_port(b) &&
           scope_of(a) == scope_of(b);
}

/* Clears what lies behind the prefix, so that `10.1.2.3/8` is the network it is in. */
static void mask_prefix(struct weir_network *network)
{
    unsigned bits = network->family_bits;
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = bits <= i * 8 ? 0 : bits - i * 8;
        if (kept < 8)
            network->prefix[i] &= (uint8_t)(0xff << (8 - kept));
    }
}

static bool parse_bits(struct weir_slice text, unsigned max, unsigned *bits)
{
    if (text.len == 0 || text.len > 3)
        return false;
    *bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return false;
        *bits = *bits * 10 + (unsigned)(text.data[i] - '0');
    }
    return *bits <= max;
}

bool weir_network_parse(struct weir_slice text, struct weir_network *network)
{
    char host[INET6_ADDRSTRLEN];
    const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    size_t host_len = slash == NULL ? text.len : (size_t)(slash - text.data);
    unsigned bits;

    *network = (struct weir_network){0};
    if (weir_slice_is(text, "unix")) {
        network->is_unix = true;
        return true;
    }
    if (host_len == 0 || host_len >= sizeof(host))
        return false;
    if (memchr(text.data, '\0', text.len) != NULL)
        return false;
    copy_text(host, sizeof(host), weir_slice_make(text.data, host_len));
    memcpy(network->prefix, mapped_prefix, sizeof(mapped_prefix));
    bool is_ipv4 = inet_pton(AF_INET, host, network->prefix + sizeof(mapped_prefix)) == 1;
    if (!is_ipv4 && inet_pton(AF_INET6, host, network->prefix) != 1)
        return false;
    unsigned bits_max = is_ipv4 ? 32 : 128;
    bits = bits_max;
    if (slash != NULL &&
        !parse_bits(weir_slice_make(slash + 1, text.len - host_len - 1), bits_max, &bits))
        return false;
    network->family_bits = (uint8_t)(is_ipv4 ? bits + MAPPED_BITS : bits);
    mask_prefix(network);
    return true;
}

bool weir_network_has(const struct weir_network *network, const struct weir_address *address)
{
    uint8_t bytes[16];

    if (!weir_address_to_mapped(address, bytes))
        return network->is_unix && address->any.sa_family == AF_UNIX;
    if (network->is_unix)
        return false;
    /* `::/0` means every IPv6 peer; it must not let IPv4 in through the mapped form. */
    if (is_mapped(bytes) && network->family_bits < MAPPED_BITS)
        return false;
    unsigned whole = network->family_bits / 8u;
    unsigned rest = network->family_bits % 8u;
    if (memcmp(bytes, network->prefix, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ network->prefix[whole]) >> (8 - rest)) == 0;
}
