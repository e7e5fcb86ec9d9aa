#include "weir/proxy/key.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>

static uint64_t source(const char *text)
{
    struct weir_endpoint endpoint;
    struct weir_address address;
    const char *reason;

    cr_assert(weir_endpoint_parse(weir_slice_from(text), &endpoint, &reason), "%s", reason);
    cr_assert(weir_endpoint_to_address(&endpoint, &address));
    return weir_key_of_source(&address);
}

Test(proxy_key, the_source_is_the_address_without_its_port)
{
    cr_expect_eq(source("192.0.2.1:80"), source("192.0.2.1:65535"));
    cr_expect_neq(source("192.0.2.1:80"), source("192.0.2.2:80"));
    cr_expect_eq(source("[2001:db8::1]:80"), source("[2001:db8::1]:81"));
    cr_expect_neq(source("[2001:db8::1]:80"), source("[2001:db8::2]:80"));
    cr_expect_eq(source("192.0.2.1:80"), source("[::ffff:192.0.2.1]:80"));
    cr_expect_eq(source("unix:/a"), source("unix:/b"));
}

static uint64_t host(const char *authority)
{
    return weir_key_of_host(&(struct weir_request){.authority = weir_slice_from(authority)});
}

Test(proxy_key, the_host_is_without_port_and_case)
{
    cr_expect_eq(host("www.example.com"), host("WWW.Example.com"));
    cr_expect_eq(host("www.example.com"), host("www.example.com:8080"));
    cr_expect_neq(host("www.example.com"), host("example.com"));
    cr_expect_eq(host("[2001:DB8::1]:80"), host("[2001:db8::1]"));
    cr_expect_eq(host(""), host(""));
}

static uint64_t path(const char *text)
{
    char head[128];
    struct weir_head parsed;
    struct weir_head_limits limits = {.bytes_max = 1000, .fields_max = 10};
    struct weir_request request;
    int len = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", text);

    weir_head_init(&parsed, WEIR_HEAD_REQUEST);
    cr_assert_eq(weir_head_parse(&parsed, head, (size_t)len, &limits), WEIR_OK);
    cr_assert_eq(weir_request_read(&request, &parsed, head), WEIR_OK);
    return weir_key_of_path(&request);
}

Test(proxy_key, the_path_is_without_the_query_and_byte_by_byte)
{
    cr_expect_eq(path("/a"), path("/a?b"));
    cr_expect_eq(path("/a"), path("/a?"));
    cr_expect_eq(path("/a?x=1"), path("http://h/a?x=2"));
    cr_expect_neq(path("/a"), path("/A"));
    cr_expect_neq(path("/a"), path("/a/"));
    cr_expect_neq(path("/a"), path("/%61"));
}
