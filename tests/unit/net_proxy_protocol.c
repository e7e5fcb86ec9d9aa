/* PROXY headers of both versions, right and hostile, in pieces, and as weir writes them. */
#include "weir/net/proxy_protocol.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb"
#define TCP4_TEXT "192.0.2.7:50000 192.0.2.8:443"
#define HOST6(last) "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" last
#define TCP6 HOST6("\x01") HOST6("\x02") "\x00\x01\xff\xff"
#define MAPPED(last) "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02" last
#define ZEROS_18 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX_PATH ZEROS_18 ZEROS_18 ZEROS_18 ZEROS_18 ZEROS_18 ZEROS_18
#define BYTES(text) text, sizeof(text) - 1

struct row {
    const char *what;
    const char *data;
    size_t len;
    enum weir_proxy_verdict verdict;
    const char *text; /* of DONE: whose it is; of BAD: a word of the reason */
    size_t behind;    /* bytes that are not the header's any more */
};

#define DONE WEIR_PROXY_DONE
#define BAD WEIR_PROXY_BAD
#define MORE WEIR_PROXY_MORE

static const struct row v1_rows[] = {
    {"IPv4", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n"), DONE, TCP4_TEXT, 0},
    {"what follows", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\nGET"), DONE, TCP4_TEXT, 3},
    {"the next header is none of it's",
     BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\nPROXY UNKNOWN\r\n"), DONE, TCP4_TEXT, 15},
    {"the least and the most", BYTES("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), DONE,
     "0.0.0.0:0 255.255.255.255:65535", 0},
    {"IPv6", BYTES("PROXY TCP6 2001:db8::1 2001:db8:0:0::2 1 65535\r\n"), DONE,
     "[2001:db8::1]:1 [2001:db8::2]:65535", 0},
    {"the longest IPv6",
     BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     DONE,
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 "
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
     0},
    {"unknown", BYTES("PROXY UNKNOWN\r\nGET"), DONE, "untold", 3},
    {"unknown, with more", BYTES("PROXY UNKNOWN ffff::1 junk \x01\xff\r\n"), DONE, "untold", 0},
    {"a part", BYTES("PROXY TCP4 192.0.2.7 19"), MORE, NULL, 0},
    {"all but the LF", BYTES("PROXY UNKNOWN\r"), MORE, NULL, 0},
    {"nothing", BYTES(""), MORE, NULL, 0},
    {"a request", BYTES("GET / HTTP/1.1\r\n\r\n"), BAD, "there is none", 0},
    {"a request that begins alike", BYTES("PROPFIND / HTTP/1.1\r\n\r\n"), BAD, "none", 0},
    {"a request that begins more alike", BYTES("PROXY / HTTP/1.1\r\n\r\n"), BAD, "protocol", 0},
    {"a TLS hello", BYTES("\x16\x03\x01\x02\x00"), BAD, "none", 0},
    {"lower case", BYTES("proxy UNKNOWN\r\n"), BAD, "none", 0},
    {"a space before", BYTES(" PROXY UNKNOWN\r\n"), BAD, "none", 0},
    {"no space", BYTES("PROXYTCP4 192.0.2.7 192.0.2.8 1 2\r\n"), BAD, "none", 0},
    {"two spaces", BYTES("PROXY  TCP4 192.0.2.7 192.0.2.8 1 2\r\n"), BAD, "protocol", 0},
    {"a tab", BYTES("PROXY TCP4\t192.0.2.7 192.0.2.8 1 2\r\n"), BAD, "protocol", 0},
    {"no protocol", BYTES("PROXY \r\n"), BAD, "protocol", 0},
    {"no protocol, no space", BYTES("PROXY\r\n"), BAD, "none", 0},
    {"datagrams", BYTES("PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n"), BAD, "protocol", 0},
    {"unknown, and more to the word", BYTES("PROXY UNKNOWNS\r\n"), BAD, "protocol", 0},
    {"no addresses", BYTES("PROXY TCP4 \r\n"), BAD, "two addresses", 0},
    {"no addresses, no space", BYTES("PROXY TCP4\r\n"), BAD, "protocol", 0},
    {"one address", BYTES("PROXY TCP4 192.0.2.7 1 2\r\n"), BAD, "two addresses", 0},
    {"one port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n"), BAD, "two addresses", 0},
    {"three ports", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n"), BAD, "two addresses", 0},
    {"a space behind", BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 1 2 \r\n"), BAD, "two addresses", 0},
    {"another family", BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), BAD, "family", 0},
    {"another family", BYTES("PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n"), BAD, "family", 0},
    {"a family each", BYTES("PROXY TCP6 2001:db8::1 192.0.2.8 1 2\r\n"), BAD, "family", 0},
    {"a leading zero", BYTES("PROXY TCP4 192.0.02.7 192.0.2.8 1 2\r\n"), BAD, "addresses", 0},
    {"a number too large", BYTES("PROXY TCP4 192.0.256.7 192.0.2.8 1 2\r\n"), BAD, "addresses", 0},
    {"three numbers", BYTES("PROXY TCP4 192.0.2 192.0.2.8 1 2\r\n"), BAD, "addresses", 0},
    {"a zone", BYTES("PROXY TCP6 fe80::1%lo ::1 1 2\r\n"), BAD, "addresses", 0},
    {"brackets", BYTES("PROXY TCP6 [::1] [::1] 1 2\r\n"), BAD, "addresses", 0},
    {"a name", BYTES("PROXY TCP4 localhost localhost 1 2\r\n"), BAD, "addresses", 0},
    {"a port with a zero before", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"), BAD, "ports", 0},
    {"two zeros", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n"), BAD, "ports", 0},
    {"a sign", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"), BAD, "ports", 0},
    {"hexadecimal", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n"), BAD, "ports", 0},
    {"a port too large", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), BAD, "ports", 0},
    {"a port far too large", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 99999999999999999999\r\n"), BAD,
     "ports", 0},
    {"NUL", BYTES("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"), BAD, "addresses", 0},
    {"LF alone", BYTES("PROXY UNKNOWN\n"), BAD, "CR and LF", 0},
    {"CR alone", BYTES("PROXY UNKNOWN\rGET"), BAD, "CR and LF", 0},
    {"CR twice", BYTES("PROXY UNKNOWN\r\r\n"), BAD, "CR and LF", 0},
    {"CR inside", BYTES("PROXY UNKNOWN a\rb\r\n"), BAD, "CR and LF", 0},
};

static const struct row v2_rows[] = {
    {"IPv4", BYTES(SIGNATURE "\x21\x11\x00\x0c" TCP4), DONE, TCP4_TEXT, 0},
    {"what follows", BYTES(SIGNATURE "\x21\x11\x00\x0c" TCP4 "\r\n\r\n"), DONE, TCP4_TEXT, 4},
    {"IPv6", BYTES(SIGNATURE "\x21\x21\x00\x24" TCP6), DONE, "[2001:db8::1]:1 [2001:db8::2]:65535",
     0},
    {"a Unix socket", BYTES(SIGNATURE "\x21\x31\x00\xd8" UNIX_PATH UNIX_PATH "G"), DONE,
     "unix unix", 1},
    {"the sender's own",
     BYTES(SIGNATURE "\x20\x00\x00\x00"
                     "G"),
     DONE, "local", 1},
    {"the sender's own, with addresses", BYTES(SIGNATURE "\x20\x11\x00\x0c" TCP4), DONE, "local",
     0},
    {"the sender's own, with what is not looked at", BYTES(SIGNATURE "\x20\xff\x00\x03xyz"), DONE,
     "local", 0},
    {"unspecified", BYTES(SIGNATURE "\x21\x00\x00\x02xy"), DONE, "untold", 0},
    {"with more behind the addresses",
     BYTES(SIGNATURE "\x21\x11\x00\x1a" TCP4 "\x04\x00\x03"
                     "abc\x01\x00\x02h2\x04\x00\x00G"),
     DONE, TCP4_TEXT, 1},
    {"a checksum", BYTES(SIGNATURE "\x21\x11\x00\x13" TCP4 "\x03\x00\x04\x95\xa1\xeb\x50"), DONE,
     TCP4_TEXT, 0},
    {"a wrong checksum", BYTES(SIGNATURE "\x21\x11\x00\x13" TCP4 "\x03\x00\x04\x95\xa1\xeb\x51"),
     BAD, "checksum", 0},
    {"a short checksum", BYTES(SIGNATURE "\x21\x11\x00\x12" TCP4 "\x03\x00\x03\x95\xa1\xeb"), BAD,
     "checksum", 0},
    {"cut behind the addresses", BYTES(SIGNATURE "\x21\x11\x00\x0e" TCP4 "\x04\x00"), BAD, "cut",
     0},
    {"more than there is", BYTES(SIGNATURE "\x21\x11\x00\x10" TCP4 "\x04\x00\x02x"), BAD, "longer",
     0},
    {"a part of the signature", BYTES("\r\n\r\n\0\r\nQ"), MORE, NULL, 0},
    {"without its length", BYTES(SIGNATURE "\x21\x11\x00"), MORE, NULL, 0},
    {"a part of the addresses", BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00"), MORE, NULL, 0},
    {"as long as may be", BYTES(SIGNATURE "\x21\x11\x10\x00"), MORE, NULL, 0},
    {"longer", BYTES(SIGNATURE "\x21\x11\x10\x01"), BAD, "4096", 0},
    {"longer, and the sender's own", BYTES(SIGNATURE "\x20\x00\xff\xff"), BAD, "4096", 0},
    {"another signature", BYTES("\r\n\r\n\0\r\nQUIT\r"), BAD, "none", 0},
    {"an empty line", BYTES("\r\nGET"), BAD, "none", 0},
    {"version 1", BYTES(SIGNATURE "\x11\x11\x00\x0c" TCP4), BAD, "version", 0},
    {"version 3", BYTES(SIGNATURE "\x31\x11\x00\x0c" TCP4), BAD, "version", 0},
    {"another command", BYTES(SIGNATURE "\x22\x11\x00\x0c" TCP4), BAD, "commands", 0},
    {"datagrams", BYTES(SIGNATURE "\x21\x12\x00\x0c" TCP4), BAD, "family or transport", 0},
    {"datagrams", BYTES(SIGNATURE "\x21\x22\x00\x24" TCP6), BAD, "family or transport", 0},
    {"datagrams of Unix", BYTES(SIGNATURE "\x21\x32\x00\xd8" UNIX_PATH UNIX_PATH), BAD, "family",
     0},
    {"no transport", BYTES(SIGNATURE "\x21\x10\x00\x0c" TCP4), BAD, "family or transport", 0},
    {"no family", BYTES(SIGNATURE "\x21\x01\x00\x0c" TCP4), BAD, "family or transport", 0},
    {"another family", BYTES(SIGNATURE "\x21\x41\x00\x0c" TCP4), BAD, "family or transport", 0},
    {"too short", BYTES(SIGNATURE "\x21\x11\x00\x0b" TCP4), BAD, "too short", 0},
    {"too short for its family", BYTES(SIGNATURE "\x21\x21\x00\x0c" TCP4), BAD, "too short", 0},
    {"no addresses", BYTES(SIGNATURE "\x21\x11\x00\x00"), BAD, "too short", 0},
};

static void describe(const struct weir_proxy_header *header, char text[400])
{
    char source[WEIR_ADDRESS_TEXT_MAX], destination[WEIR_ADDRESS_TEXT_MAX];

    if (header->subject != WEIR_PROXY_CLIENT)
        strcpy(text, header->subject == WEIR_PROXY_LOCAL ? "local" : "untold");
    else if (header->source.any.sa_family == AF_UNIX)
        sprintf(text, "%s %s", weir_address_describe_host(&header->source, source),
                weir_address_describe_host(&header->destination, destination));
    else
        sprintf(text, "%s %s", weir_address_describe(&header->source, source),
                weir_address_describe(&header->destination, destination));
}

/* From memory that ends where the data do. */
static enum weir_proxy_verdict read_copy(const char *data, size_t len,
                                         struct weir_proxy_header *header, size_t *used,
                                         const char **reason)
{
    char *copy = malloc(len + (len == 0));
    enum weir_proxy_verdict verdict;

    memcpy(copy, data, len);
    verdict = weir_proxy_protocol_read(copy, len, header, used, reason);
    free(copy);
    return verdict;
}

static void check_row(const struct row *row)
{
    struct weir_proxy_header header;
    const char *reason = "";
    char text[400];
    size_t used = 0;
    enum weir_proxy_verdict verdict = read_copy(row->data, row->len, &header, &used, &reason);

    cr_assert_eq(verdict, row->verdict, "%s: %d, %s", row->what, (int)verdict, reason);
    if (verdict == BAD)
        cr_expect(strstr(reason, row->text), "%s: %s", row->what, reason);
    if (verdict != DONE)
        return;
    describe(&header, text);
    cr_expect_str_eq(text, row->text, "%s", row->what);
    cr_expect_eq(used, row->len - row->behind, "%s: %zu", row->what, used);
    /* However it is cut, a part is never more than a part. */
    for (size_t len = 0; len < used; len++)
        cr_expect_eq(read_copy(row->data, len, &header, &used, &reason), MORE, "%s: %zu bytes: %s",
                     row->what, len, reason);
}

Test(net_proxy_protocol, version_1)
{
    for (size_t i = 0; i < sizeof(v1_rows) / sizeof(v1_rows[0]); i++)
        check_row(&v1_rows[i]);
}

Test(net_proxy_protocol, version_2)
{
    for (size_t i = 0; i < sizeof(v2_rows) / sizeof(v2_rows[0]); i++)
        check_row(&v2_rows[i]);
}

/* 107 bytes with the end of the line are the most that version 1 has. */
Test(net_proxy_protocol, version_1_is_bounded)
{
    struct weir_proxy_header header;
    const char *reason = NULL;
    char line[200];
    size_t used;

    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    cr_expect_eq(read_copy(line, 106, &header, &used, &reason), MORE);
    cr_expect_eq(read_copy(line, 107, &header, &used, &reason), BAD);
    cr_expect(strstr(reason, "107"), "%s", reason);
    memcpy(line + 105, "\r\n", 2);
    cr_expect_eq(read_copy(line, sizeof(line), &header, &used, &reason), DONE);
    cr_expect_eq(used, 107);
    memcpy(line + 105, "x\r\n", 3);
    cr_expect_eq(read_copy(line, sizeof(line), &header, &used, &reason), BAD);
}

/* ---- As weir writes them ---- */

struct written {
    const char *source, *destination; /* NULL: weir's own */
    const char *v1;
    const char *v2;
    size_t v2_len;
};

static const struct written written[] = {
    {"192.0.2.7:50000", "192.0.2.8:443", "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n",
     BYTES(SIGNATURE "\x21\x11\x00\x0c" TCP4)},
    {"[2001:db8::1]:1", "[2001:db8::2]:65535", "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
     BYTES(SIGNATURE "\x21\x21\x00\x24" TCP6)},
    /* One address has one form. */
    {"[::ffff:192.0.2.7]:50000", "[::ffff:192.0.2.8]:443",
     "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n", BYTES(SIGNATURE "\x21\x11\x00\x0c" TCP4)},
    {"192.0.2.7:50000", "[::ffff:192.0.2.8]:443", "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n",
     BYTES(SIGNATURE "\x21\x11\x00\x0c" TCP4)},
    /* Of two families, in the form that both have. */
    {"192.0.2.7:1", "[2001:db8::2]:65535", "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::2 1 65535\r\n",
     BYTES(SIGNATURE "\x21\x21\x00\x24" MAPPED("\x07") HOST6("\x02") "\x00\x01\xff\xff")},
    {"unix:/a", "unix:/b", "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x21\x00\x00\x00")},
    {"192.0.2.7:1", "unix:/b", "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x21\x00\x00\x00")},
    {NULL, NULL, "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x20\x00\x00\x00")},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65534",
     "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65534\r\n",
     BYTES(SIGNATURE "\x21\x21\x00\x24"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"
                     "\xff\xff\xff\xfe")},
};

static struct weir_address *parse(const char *text, struct weir_address *address)
{
    struct weir_endpoint endpoint;
    const char *reason = "";

    if (!text)
        return NULL;
    cr_assert(weir_endpoint_parse(weir_slice_from(text), &endpoint, &reason), "%s", reason);
    cr_assert(weir_endpoint_to_address(&endpoint, address));
    return address;
}

Test(net_proxy_protocol, written)
{
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        const struct written *row = &written[i];
        struct weir_address ends[2], *source = parse(row->source, &ends[0]),
                                     *destination = parse(row->destination, &ends[1]);
        char text[WEIR_PROXY_WRITTEN_BYTES_MAX];
        size_t len = weir_proxy_protocol_write(WEIR_PROXY_V1, source, destination, text);

        cr_expect_eq(len, strlen(row->v1), "%s: %zu", row->v1, len);
        cr_expect_arr_eq(text, row->v1, strlen(row->v1), "%s", row->v1);
        len = weir_proxy_protocol_write(WEIR_PROXY_V2, source, destination, text);
        cr_expect_eq(len, row->v2_len, "%s: %zu", row->v1, len);
        cr_expect_arr_eq(text, row->v2, row->v2_len, "%s", row->v1);
    }
}
