#include "weir/net/proxy_protocol.h"

#include "weir/base/assert.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define V1_BEGIN "PROXY "
#define V1_UNKNOWN "UNKNOWN"

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Of version 2: the version and the command in one byte, the family and the transport in another,
 * and how many bytes of addresses a family has. */
enum {
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_UNSPEC = 0x00,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V2_UNIX_STREAM = 0x31,
    V2_TCP4_BYTES = 12,
    V2_TCP6_BYTES = 36,
    V2_UNIX_BYTES = 216
};

/* Type-length-value triples behind the addresses. */
enum { TLV_HEAD_BYTES = 3, TLV_CRC32C = 0x03, CRC_BYTES = 4 };

static enum weir_proxy_verdict refuse(const char **reason, const char *text)
{
    *reason = text;
    return WEIR_PROXY_BAD;
}

static bool begins_like(const char *data, size_t len, const char *whole, size_t whole_len)
{
    return memcmp(data, whole, len < whole_len ? len : whole_len) == 0;
}

/* ---- Version 1 ---- */

/* Takes the word up to the next space, or the last one, off *LINE. Words too long for any address
 * are none. Fails: false. */
static bool take_word(struct weir_slice *line, bool is_last, char word[INET6_ADDRSTRLEN])
{
    const char *space = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;
    size_t len = space ? (size_t)(space - line->data) : line->len;

    if (len == 0 || len >= INET6_ADDRSTRLEN || (space == NULL) != is_last ||
        memchr(line->data, '\0', len))
        return false;
    memcpy(word, line->data, len);
    word[len] = '\0';
    len += !is_last;
    *line = weir_slice_make(line->data + len, line->len - len);
    return true;
}

/* Digits alone, and no zero before another. */
static bool parse_port(const char *word, uint16_t *port)
{
    unsigned number = 0;

    if (word[0] == '0' && word[1] != '\0')
        return false;
    for (const char *c = word; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > UINT16_MAX)
            return false;
        number = number * 10 + (unsigned)(*c - '0');
    }
    *port = (uint16_t)number;
    return number <= UINT16_MAX;
}

static bool parse_host(const char *word, sa_family_t family, struct weir_address *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;
    bool is_ipv4 = family == AF_INET;

    *address = (struct weir_address){.len = is_ipv4 ? sizeof(*in) : sizeof(*in6)};
    address->any.sa_family = family;
    /* Of IPv4 inet_pton takes no leading zeros, of IPv6 no zone. */
    return inet_pton(family, word, is_ipv4 ? (void *)&in->sin_addr : (void *)&in6->sin6_addr) == 1;
}

static bool parse_v1_addresses(struct weir_slice line, sa_family_t family,
                               struct weir_proxy_header *header)
{
    char word[INET6_ADDRSTRLEN];
    uint16_t port;

    if (!take_word(&line, false, word) || !parse_host(word, family, &header->source) ||
        !take_word(&line, false, word) || !parse_host(word, family, &header->destination))
        return false;
    if (!take_word(&line, false, word) || !parse_port(word, &port))
        return false;
    weir_address_set_port(&header->source, port);
    if (!take_word(&line, true, word) || !parse_port(word, &port))
        return false;
    weir_address_set_port(&header->destination, port);
    header->subject = WEIR_PROXY_CLIENT;
    return true;
}

/* LINE: between V1_BEGIN and CRLF. */
static enum weir_proxy_verdict parse_v1(struct weir_slice line, struct weir_proxy_header *header,
                                        const char **reason)
{
    const size_t unknown_len = sizeof(V1_UNKNOWN) - 1, family_len = sizeof("TCP4 ") - 1;
    sa_family_t family;

    /* What follows UNKNOWN means nothing, whatever it is. */
    if (weir_slice_has_prefix(line, weir_slice_from(V1_UNKNOWN)) &&
        (line.len == unknown_len || line.data[unknown_len] == ' ')) {
        header->subject = WEIR_PROXY_UNTOLD;
        return WEIR_PROXY_DONE;
    }
    if (weir_slice_has_prefix(line, weir_slice_from("TCP4 ")))
        family = AF_INET;
    else if (weir_slice_has_prefix(line, weir_slice_from("TCP6 ")))
        family = AF_INET6;
    else
        return refuse(reason, "its protocol is none of TCP4, TCP6 and UNKNOWN");
    line = weir_slice_make(line.data + family_len, line.len - family_len);
    if (!parse_v1_addresses(line, family, header))
        return refuse(reason, "it is not two addresses of its family and two ports");
    return WEIR_PROXY_DONE;
}

static enum weir_proxy_verdict read_v1(const char *data, size_t len,
                                       struct weir_proxy_header *header, size_t *used,
                                       const char **reason)
{
    const size_t begin = sizeof(V1_BEGIN) - 1;
    size_t seen = len < WEIR_PROXY_V1_BYTES_MAX ? len : WEIR_PROXY_V1_BYTES_MAX;
    const char *lf = memchr(data, '\n', seen);
    const char *cr = memchr(data, '\r', seen);

    if (!lf && (!cr || cr == data + len - 1) && len < WEIR_PROXY_V1_BYTES_MAX)
        return WEIR_PROXY_MORE;
    if (!lf && !cr)
        return refuse(reason, "it has no end within 107 bytes");
    if (!lf || !cr || lf != cr + 1)
        return refuse(reason, "its line does not end with CR and LF");
    if (cr < data + begin)
        return refuse(reason, "it has no protocol");
    *used = (size_t)(lf + 1 - data);
    return parse_v1(weir_slice_make(data + begin, (size_t)(cr - data) - begin), header, reason);
}

/* ---- Version 2 ---- */

static unsigned read_16(const char *data)
{
    return (unsigned)(uint8_t)data[0] << 8 | (uint8_t)data[1];
}

/* Castagnoli's, bit by bit: few headers have one. LEN bytes, those from ZERO_AT on read as zeros.
 * Source: RFC 3720 appendix B.4. */
static uint32_t count_crc32c(const char *data, size_t len, size_t zero_at)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= i - zero_at < CRC_BYTES ? 0 : (uint8_t)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static bool has_right_crc(const char *data, size_t len, size_t at)
{
    return count_crc32c(data, len, at) == (read_16(data + at) << 16 | read_16(data + at + 2));
}

/* What stands from AT on is skipped, but must fill the header exactly; and who sends a checksum
 * wants it looked at. */
static enum weir_proxy_verdict walk_tlvs(const char *data, size_t len, size_t at,
                                         const char **reason)
{
    while (at < len) {
        size_t left = len - at, value_len;
        if (left < TLV_HEAD_BYTES)
            return refuse(reason, "what follows its addresses is cut");
        value_len = read_16(data + at + 1);
        if (value_len > left - TLV_HEAD_BYTES)
            return refuse(reason, "what follows its addresses is longer than it says");
        if (data[at] == TLV_CRC32C &&
            (value_len != CRC_BYTES || !has_right_crc(data, len, at + TLV_HEAD_BYTES)))
            return refuse(reason, "its checksum is wrong");
        at += TLV_HEAD_BYTES + value_len;
    }
    return WEIR_PROXY_DONE;
}

static void copy_ipv4(struct weir_address *address, const char *host, const char *port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;

    *address = (struct weir_address){.len = sizeof(*in)};
    in->sin_family = AF_INET;
    memcpy(&in->sin_addr, host, sizeof(in->sin_addr));
    in->sin_port = htons((uint16_t)read_16(port));
}

static void copy_ipv6(struct weir_address *address, const char *host, const char *port)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;

    *address = (struct weir_address){.len = sizeof(*in6)};
    in6->sin6_family = AF_INET6;
    memcpy(&in6->sin6_addr, host, sizeof(in6->sin6_addr));
    in6->sin6_port = htons((uint16_t)read_16(port));
}

/* Those of FAMILY, which is one that has some. */
static void copy_addresses(const char *addresses, unsigned family, struct weir_proxy_header *header)
{
    header->subject = WEIR_PROXY_CLIENT;
    if (family == V2_TCP4) {
        copy_ipv4(&header->source, addresses, addresses + 8);
        copy_ipv4(&header->destination, addresses + 4, addresses + 10);
    } else if (family == V2_TCP6) {
        copy_ipv6(&header->source, addresses, addresses + 32);
        copy_ipv6(&header->destination, addresses + 16, addresses + 34);
    } else {
        header->source = (struct weir_address){.len = sizeof(sa_family_t)};
        header->source.any.sa_family = AF_UNIX;
        header->destination = header->source;
    }
}

static size_t count_address_bytes(unsigned family)
{
    return family == V2_TCP4 ? V2_TCP4_BYTES : family == V2_TCP6 ? V2_TCP6_BYTES : V2_UNIX_BYTES;
}

/* The fixed part is here. */
static enum weir_proxy_verdict check_v2(unsigned command, unsigned family, size_t rest,
                                        const char **reason)
{
    if (command != V2_LOCAL && command != V2_PROXY)
        return refuse(reason, "it is not of version 2, or commands neither LOCAL nor PROXY");
    if (rest > WEIR_PROXY_V2_REST_BYTES_MAX)
        return refuse(reason, "it is longer than 4096 bytes behind its fixed part");
    if (command == V2_LOCAL || family == V2_UNSPEC)
        return WEIR_PROXY_DONE;
    if (family != V2_TCP4 && family != V2_TCP6 && family != V2_UNIX_STREAM)
        return refuse(reason, "its family or transport is none that a stream has");
    if (rest < count_address_bytes(family))
        return refuse(reason, "it is too short for its addresses");
    return WEIR_PROXY_DONE;
}

static enum weir_proxy_verdict read_v2(const char *data, size_t len,
                                       struct weir_proxy_header *header, size_t *used,
                                       const char **reason)
{
    const size_t fixed = WEIR_PROXY_V2_FIXED_BYTES;
    unsigned command, family;
    size_t rest;

    if (len < fixed)
        return WEIR_PROXY_MORE;
    command = (uint8_t)data[12];
    family = (uint8_t)data[13];
    rest = read_16(data + 14);
    if (check_v2(command, family, rest, reason) == WEIR_PROXY_BAD)
        return WEIR_PROXY_BAD;
    if (len < fixed + rest)
        return WEIR_PROXY_MORE;
    *used = fixed + rest;
    header->subject = command == V2_LOCAL ? WEIR_PROXY_LOCAL : WEIR_PROXY_UNTOLD;
    /* Of these the rest is to be ignored, and how it is laid out is not known. */
    if (command == V2_LOCAL || family == V2_UNSPEC)
        return WEIR_PROXY_DONE;
    copy_addresses(data + fixed, family, header);
    return walk_tlvs(data, fixed + rest, fixed + count_address_bytes(family), reason);
}

enum weir_proxy_verdict weir_proxy_protocol_read(const char *data, size_t len,
                                                 struct weir_proxy_header *header, size_t *used,
                                                 const char **reason)
{
    if (len == 0)
        return WEIR_PROXY_MORE;
    if (begins_like(data, len, signature, sizeof(signature)))
        return read_v2(data, len, header, used, reason);
    if (begins_like(data, len, V1_BEGIN, sizeof(V1_BEGIN) - 1))
        return read_v1(data, len, header, used, reason);
    return refuse(reason, "there is none");
}

/* ---- Writing ---- */

/* What both ends have in common. */
static sa_family_t find_family(const uint8_t source[16], const uint8_t destination[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(source, mapped, sizeof(mapped)) == 0 &&
                   memcmp(destination, mapped, sizeof(mapped)) == 0
               ? AF_INET
               : AF_INET6;
}

static size_t write_v1(sa_family_t family, const uint8_t source[16], const uint8_t destination[16],
                       const uint16_t ports[2], char *text)
{
    size_t skip = family == AF_INET ? 12 : 0;
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
    int len;

    inet_ntop(family, source + skip, from, sizeof(from));
    inet_ntop(family, destination + skip, to, sizeof(to));
    len = snprintf(text, WEIR_PROXY_WRITTEN_BYTES_MAX, V1_BEGIN "TCP%d %s %s %u %u\r",
                   family == AF_INET ? 4 : 6, from, to, ports[0], ports[1]);
    WEIR_ASSERT(len > 0 && len < WEIR_PROXY_WRITTEN_BYTES_MAX);
    text[len] = '\n';
    return (size_t)len + 1;
}

static void put_16(char *text, unsigned number)
{
    text[0] = (char)(number >> 8);
    text[1] = (char)number;
}

static size_t begin_v2(unsigned command, unsigned family, unsigned rest, char *text)
{
    memcpy(text, signature, sizeof(signature));
    text[12] = (char)command;
    text[13] = (char)family;
    put_16(text + 14, rest);
    return WEIR_PROXY_V2_FIXED_BYTES;
}

static size_t write_v2(sa_family_t family, const uint8_t source[16], const uint8_t destination[16],
                       const uint16_t ports[2], char *text)
{
    bool is_ipv4 = family == AF_INET;
    size_t skip = is_ipv4 ? 12 : 0, host = 16 - skip;
    size_t at = begin_v2(V2_PROXY, is_ipv4 ? V2_TCP4 : V2_TCP6,
                         is_ipv4 ? V2_TCP4_BYTES : V2_TCP6_BYTES, text);

    memcpy(text + at, source + skip, host);
    memcpy(text + at + host, destination + skip, host);
    at += 2 * host;
    put_16(text + at, ports[0]);
    put_16(text + at + 2, ports[1]);
    return at + 4;
}

size_t weir_proxy_protocol_write(enum weir_proxy_version version, const struct weir_address *source,
                                 const struct weir_address *destination, char *text)
{
    static const char unknown[] = V1_BEGIN V1_UNKNOWN "\r\n";
    uint8_t from[16], to[16];
    uint16_t ports[2];
    sa_family_t family;

    if (!source || !weir_address_to_mapped(source, from) ||
        !weir_address_to_mapped(destination, to)) {
        if (version == WEIR_PROXY_V2)
            return begin_v2(source ? V2_PROXY : V2_LOCAL, V2_UNSPEC, 0, text);
        memcpy(text, unknown, sizeof(unknown) - 1);
        return sizeof(unknown) - 1;
    }
    family = find_family(from, to);
    ports[0] = weir_address_port(source);
    ports[1] = weir_address_port(destination);
    return version == WEIR_PROXY_V2 ? write_v2(family, from, to, ports, text)
                                    : write_v1(family, from, to, ports, text);
}
