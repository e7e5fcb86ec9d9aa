#include "weir/net/address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define ROWS(type, rows) cr_make_param_array(type, rows, sizeof(rows) / sizeof(*rows))

struct good {
    char text[128], host[128];
    unsigned port;
    bool is_literal;
    char described[128]; /* empty: a name, which is no address yet */
};

static struct good good[] = {
    {"127.0.0.1:80", "127.0.0.1", 80, true, "127.0.0.1:80"},
    {"0.0.0.0:65535", "0.0.0.0", 65535, true, "0.0.0.0:65535"},
    {":8080", "", 8080, true, "0.0.0.0:8080"},
    {":1", "", 1, true, "0.0.0.0:1"},
    {":00080", "", 80, true, "0.0.0.0:80"},
    {"[::1]:80", "::1", 80, true, "[::1]:80"},
    {"[::]:80", "::", 80, true, "[::]:80"},
    {"[0:0:0:0:0:0:0:1]:80", "::1", 80, true, "[::1]:80"},
    {"[2001:DB8::A]:443", "2001:db8::a", 443, true, "[2001:db8::a]:443"},
    {"[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80, true, "[::ffff:10.0.0.1]:80"},
    {"localhost:8080", "localhost", 8080, false, ""},
    {"LocalHost:8080", "localhost", 8080, false, ""},
    {"a:1", "a", 1, false, ""},
    {"my_app-1.internal:80", "my_app-1.internal", 80, false, ""},
    {"example.com.:80", "example.com.", 80, false, ""},
    {"1and1.com:80", "1and1.com", 80, false, ""},
    {"0xa.example:80", "0xa.example", 80, false, ""},
    {"unix:/run/a.sock", "/run/a.sock", 0, true, "unix:/run/a.sock"},
    {"unix:/a:80", "/a:80", 0, true, "unix:/a:80"},
};

ParameterizedTestParameters(address, reads)
{
    return ROWS(struct good, good);
}

ParameterizedTest(struct good *row, address, reads)
{
    struct weir_endpoint endpoint;
    struct weir_address address;
    char text[WEIR_ADDRESS_TEXT_MAX];
    const char *reason = "";

    cr_assert(weir_endpoint_parse(weir_slice_from(row->text), &endpoint, &reason), "%s %s",
              row->text, reason);
    cr_expect_str_eq(endpoint.host, row->host);
    cr_expect_eq(endpoint.port, row->port);
    cr_expect_eq(endpoint.is_literal, row->is_literal);
    cr_expect_eq(endpoint.kind == WEIR_ENDPOINT_UNIX, strncmp(row->text, "unix:", 5) == 0);
    cr_expect_eq(weir_endpoint_to_address(&endpoint, &address), row->described[0] != '\0');
    if (row->described[0] == '\0')
        return;
    cr_expect_str_eq(weir_address_describe(&address, text), row->described);
    cr_expect_eq(weir_address_port(&address), row->port);
    cr_expect(weir_address_resolve(&endpoint, &address, &reason), "no name, no resolver");
}

struct bad {
    char text[320], reason[120];
};

#define LABEL_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define LABEL_49 "0123456789012345678901234567890123456789012345678"

static struct bad bad[] = {
    {"", "is empty; write HOST:PORT"},
    {"80", "is a number alone; write HOST:PORT or :PORT"},
    {"localhost", "has no port; write HOST:PORT"},
    {"127.0.0.1", "has no port; write HOST:PORT"},
    {"localhost:", "has no port after the colon; write HOST:PORT"},
    {":", "has no port after the colon; write HOST:PORT"},
    {":0", "has a port out of range; write 1 to 65535"},
    {":65536", "has a port out of range; write 1 to 65535"},
    {":99999999999999999999", "has a port out of range; write 1 to 65535"},
    {":http", "has a port that is not a number; write 1 to 65535"},
    {":80 ", "has a port that is not a number; write 1 to 65535"},
    {": 80", "has a port that is not a number; write 1 to 65535"},
    {":+80", "has a port that is not a number; write 1 to 65535"},
    {":-1", "has a port that is not a number; write 1 to 65535"},
    {":0x50", "has a port that is not a number; write 1 to 65535"},
    {"::1:80", "needs brackets around its IPv6 address; write [::1]:80"},
    {"::1", "needs brackets around its IPv6 address; write [::1]:80"},
    {"http://a:80", "needs brackets around its IPv6 address; write [::1]:80"},
    {"[::1]", "has no port after the bracket; write [::1]:80"},
    {"[::1]80", "has no port after the bracket; write [::1]:80"},
    {"[::1]:", "has no port after the colon; write HOST:PORT"},
    {"[::1", "has no closing bracket; write [::1]:80"},
    {"[]:80", "has no IPv6 address inside the brackets; write [::1]:80"},
    {"[127.0.0.1]:80", "has no IPv6 address inside the brackets; write [::1]:80"},
    {"[1::2::3]:80", "has no IPv6 address inside the brackets; write [::1]:80"},
    {"[" LABEL_64 "]:80", "has no IPv6 address inside the brackets; write [::1]:80"},
    {"[fe80::1%eth0]:80", "has a zone id, which is not supported"},
    {"1.2.3:80", "has a host that is not an IPv4 address; write four numbers of 0 to 255"},
    {"1.2.3.256:80", "has a host that is not an IPv4 address; write four numbers of 0 to 255"},
    {"01.2.3.4:80", "has a host that is not an IPv4 address; write four numbers of 0 to 255"},
    {"1.2.3.4.:80", "has a host that is not an IPv4 address; write four numbers of 0 to 255"},
    {"0x7f000001:80", "has a host that is not an IPv4 address; write four numbers of 0 to 255"},
    {"2130706433:80", "has a host that is not an IPv4 address; write four numbers of 0 to 255"},
    {"a b:80", "has a host that is neither an address nor a name; "},
    {"a..b:80", "has a host that is neither an address nor a name; "},
    {".:80", "has a host that is neither an address nor a name; "},
    {".a:80", "has a host that is neither an address nor a name; "},
    {"-a:80", "has a host that is neither an address nor a name; "},
    {"a-.b:80", "has a host that is neither an address nor a name; "},
    {"*:80", "has a host that is neither an address nor a name; "},
    {"ä:80", "has a host that is neither an address nor a name; "},
    {"a/b:80", "has a host that is neither an address nor a name; "},
    {LABEL_64 ":80", "has a host that is neither an address nor a name; "},
    {LABEL_49 "." LABEL_49 "." LABEL_49 "." LABEL_49 "." LABEL_49 ".abcd:80",
     "has a host name of more than 253 bytes"},
    {"unix:", "has no absolute path; write unix:/path"},
    {"unix:run/a.sock", "has no absolute path; write unix:/path"},
    {"unix:@weir", "is an abstract socket, which has no file to keep others out; write unix:/path"},
    {"unix:/" LABEL_64 LABEL_49, "has a path of more than 107 bytes, "},
};

ParameterizedTestParameters(address, refuses)
{
    return ROWS(struct bad, bad);
}

ParameterizedTest(struct bad *row, address, refuses)
{
    struct weir_endpoint endpoint;
    const char *reason = "";

    cr_expect_not(weir_endpoint_parse(weir_slice_from(row->text), &endpoint, &reason), "%s",
                  row->text);
    cr_expect_eq(strncmp(reason, row->reason, strlen(row->reason)), 0, "%s: %s", row->text, reason);
}

Test(address, refuses_nul_bytes)
{
    static const struct weir_slice texts[] = {WEIR_SLICE("1.2.3.4\0x:80"), WEIR_SLICE("a\0:80"),
                                              WEIR_SLICE("[::1\0]:80"), WEIR_SLICE("unix:/a\0b"),
                                              WEIR_SLICE(":80\0")};
    struct weir_endpoint endpoint;
    const char *reason;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        cr_expect_not(weir_endpoint_parse(texts[i], &endpoint, &reason));
        cr_expect_str_eq(reason, "holds a NUL byte; write HOST:PORT");
    }
}

Test(address, takes_the_longest_unix_path)
{
    char text[256] = "unix:/";
    char described[WEIR_ADDRESS_TEXT_MAX];
    struct weir_endpoint endpoint;
    struct weir_address address;
    const char *reason;

    memset(text + 6, 'x', 106);
    cr_assert(weir_endpoint_parse(weir_slice_from(text), &endpoint, &reason));
    cr_assert(weir_endpoint_to_address(&endpoint, &address));
    cr_expect_eq(address.len, sizeof(struct sockaddr_un));
    cr_expect_str_eq(weir_address_describe(&address, described), text);
    text[112] = 'x';
    cr_expect_not(weir_endpoint_parse(weir_slice_from(text), &endpoint, &reason));
}

static struct weir_address make(const char *text)
{
    struct weir_endpoint endpoint;
    struct weir_address address;
    const char *reason;

    cr_assert(weir_endpoint_parse(weir_slice_from(text), &endpoint, &reason), "%s", text);
    cr_assert(weir_endpoint_to_address(&endpoint, &address), "%s", text);
    return address;
}

Test(address, describes_hosts)
{
    static const char *const rows[][2] = {{"127.0.0.1:80", "127.0.0.1"},
                                          {"[::1]:80", "::1"},
                                          {"[::ffff:10.0.0.1]:80", "10.0.0.1"},
                                          {":80", "0.0.0.0"},
                                          {"unix:/run/x", "unix"},
                                          {"[::10.0.0.1]:1", "::10.0.0.1"}};
    char text[WEIR_ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct weir_address address = make(rows[i][0]);
        cr_expect_str_eq(weir_address_describe_host(&address, text), rows[i][1]);
    }
}

Test(address, describes_what_the_kernel_gives)
{
    struct weir_address unnamed = {.len = sizeof(sa_family_t)};
    struct weir_address abstract = {.len = sizeof(sa_family_t) + 4};
    struct weir_address other = {.len = sizeof(sa_family_t)};
    char text[WEIR_ADDRESS_TEXT_MAX];

    unnamed.any.sa_family = AF_UNIX;
    abstract.any.sa_family = AF_UNIX;
    memcpy(((struct sockaddr_un *)&abstract.storage)->sun_path, "\0abc", 4);
    other.any.sa_family = AF_PACKET;
    cr_expect_str_eq(weir_address_describe(&unnamed, text), "unix:");
    cr_expect_str_eq(weir_address_describe(&abstract, text), "unix:@abc");
    cr_expect_str_eq(weir_address_describe(&other, text), "unknown");
    cr_expect_str_eq(weir_address_describe_host(&other, text), "unknown");
    cr_expect_eq(weir_address_port(&other), 0);
}

struct pair {
    char a[48], b[48];
    bool is_equal;
};

static struct pair pairs[] = {
    {"10.0.0.1:80", "10.0.0.1:80", true},
    {"10.0.0.1:80", "10.0.0.1:81", false},
    {"10.0.0.1:80", "10.0.0.2:80", false},
    {"[::1]:80", "[0:0::1]:80", true},
    {"[::1]:80", "[::2]:80", false},
    {"[::ffff:10.0.0.1]:80", "10.0.0.1:80", true},
    {"[::10.0.0.1]:80", "10.0.0.1:80", false},
    {"unix:/a", "unix:/a", true},
    {"unix:/a", "unix:/b", false},
    {"unix:/a", "unix:/ab", false},
    {"unix:/a", "10.0.0.1:80", false},
    {":80", "0.0.0.0:80", true},
};

ParameterizedTestParameters(address, compares)
{
    return ROWS(struct pair, pairs);
}

ParameterizedTest(struct pair *row, address, compares)
{
    struct weir_address a = make(row->a), b = make(row->b);

    cr_expect_eq(weir_address_is_equal(&a, &b), row->is_equal, "%s %s", row->a, row->b);
    cr_expect_eq(weir_address_is_equal(&b, &a), row->is_equal, "%s %s", row->b, row->a);
}

Test(address, tells_link_local_scopes_apart)
{
    struct weir_address a = make("[fe80::1]:80"), b = a;

    ((struct sockaddr_in6 *)&b.storage)->sin6_scope_id = 2;
    cr_expect_not(weir_address_is_equal(&a, &b));
}

struct member {
    char network[48], address[48];
    bool has;
};

static struct member members[] = {
    {"10.0.0.0/8", "10.255.255.255:1", true},
    {"10.0.0.0/8", "11.0.0.0:1", false},
    {"10.1.2.3/8", "10.9.9.9:1", true},
    {"10.0.0.1", "10.0.0.1:1", true},
    {"10.0.0.1", "10.0.0.2:1", false},
    {"10.0.0.0/31", "10.0.0.1:1", true},
    {"10.0.0.0/31", "10.0.0.2:1", false},
    {"10.0.0.0/9", "10.127.0.1:1", true},
    {"10.0.0.0/9", "10.128.0.1:1", false},
    {"10.0.0.0/8", "[::ffff:10.0.0.1]:1", true},
    {"0.0.0.0/0", "255.1.2.3:1", true},
    {"0.0.0.0/0", "[::1]:1", false},
    {"0.0.0.0/0", "[::ffff:1.2.3.4]:1", true},
    {"::/0", "[2001:db8::1]:1", true},
    {"::/0", "10.0.0.1:1", false},
    {"::/64", "10.0.0.1:1", false},
    {"::ffff:0:0/96", "10.0.0.1:1", true},
    {"::1", "[::1]:1", true},
    {"::1", "[::2]:1", false},
    {"fd00::/7", "[fd12::1]:1", true},
    {"fd00::/8", "[fc00::1]:1", false},
    {"2001:db8::/33", "[2001:db8:7fff::1]:1", true},
    {"2001:db8::/33", "[2001:db8:8000::1]:1", false},
    {"unix", "unix:/a", true},
    {"unix", "10.0.0.1:1", false},
    {"0.0.0.0/0", "unix:/a", false},
    {"::/0", "unix:/a", false},
};

ParameterizedTestParameters(address, matches)
{
    return ROWS(struct member, members);
}

ParameterizedTest(struct member *row, address, matches)
{
    struct weir_network network;
    struct weir_address address = make(row->address);

    cr_assert(weir_network_parse(weir_slice_from(row->network), &network));
    cr_expect_eq(weir_network_has(&network, &address), row->has, "%s %s", row->network,
                 row->address);
}

Test(address, refuses_networks)
{
    static const char *const texts[] = {
        "",        "10.0.0.0/33",  "10.0.0.0/",   "10.0.0.0/8x",  "10.0.0.0/-1", "10.0.0/8",
        "::1/129", "::g",          "localhost",   "[::1]",        "10.0.0.1:80", "/8",
        "UNIX",    "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/0008"};
    struct weir_network network;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        cr_expect_not(weir_network_parse(weir_slice_from(texts[i]), &network), "%s", texts[i]);
    cr_expect_not(weir_network_parse((struct weir_slice)WEIR_SLICE("10.0.0.1\0x"), &network));
}

Test(address, resolves_localhost)
{
    struct weir_endpoint endpoint;
    struct weir_address address;
    char text[WEIR_ADDRESS_TEXT_MAX];
    const char *reason = "";

    /* A bare chroot has no names at all, not even this one. */
    if (access("/etc/hosts", R_OK) != 0)
        cr_skip_test("there is no /etc/hosts");
    cr_assert(weir_endpoint_parse(weir_slice_from("localhost:80"), &endpoint, &reason));
    cr_assert(weir_address_resolve(&endpoint, &address, &reason), "%s", reason);
    cr_expect_eq(weir_address_port(&address), 80);
    weir_address_describe_host(&address, text);
    cr_expect(strcmp(text, "127.0.0.1") == 0 || strcmp(text, "::1") == 0, "%s", text);
}

/* An empty label never leaves the host. */
Test(address, says_why_a_name_has_no_address)
{
    struct weir_endpoint endpoint = {.kind = WEIR_ENDPOINT_INET, .host = "a..b", .port = 80};
    struct weir_address address;
    const char *reason = NULL;

    cr_expect_not(weir_address_resolve(&endpoint, &address, &reason));
    cr_assert_not_null(reason);
    cr_expect_str_neq(reason, "");
}
