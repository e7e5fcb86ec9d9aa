#include "weir/config/texts.h"

#include "weir/config/statuses.h"
#include "weir/config/suggest.h"

#include <stdio.h>
#include <string.h>

#define NAME_LEN_MAX 64
#define HOST_LEN_MAX 253
#define LABEL_LEN_MAX 63
#define WILDCARD "*."

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool weir_texts_check_name(const char *text, struct weir_why *why)
{
    size_t len = strlen(text);
    size_t n_good = 0;

    while (is_alphanumeric(text[n_good]) || (text[n_good] != '\0' && strchr("_.-", text[n_good])))
        n_good++;
    if (len > 0 && len <= NAME_LEN_MAX && n_good == len)
        return true;
    return weir_why_set(why, "is no name; write 1 to 64 letters, digits, `_`, `.` and `-`");
}

static bool check_label(const char *label, size_t len, struct weir_why *why)
{
    if (len == 0)
        return weir_why_set(why, "has an empty part; write a host like www.example.com");
    if (len > LABEL_LEN_MAX)
        return weir_why_set(why, "has a part of more than 63 letters");
    for (size_t i = 0; i < len; i++)
        if (!is_alphanumeric(label[i]) && label[i] != '-' && label[i] != '_')
            return weir_why_set(why, "is no host name; write letters, digits, `-`, `_` and `.`");
    return true;
}

static bool check_host(const char *text, struct weir_why *why)
{
    const char *host = text;

    if (strcmp(text, "*") == 0)
        return weir_why_set(why, "is no host; leave the key out to take any host");
    if (strncmp(host, WILDCARD, strlen(WILDCARD)) == 0)
        host += strlen(WILDCARD);
    if (strchr(host, '*') != NULL)
        return weir_why_set(why, "has a `*` where it can't be; "
                                 "it may only stand in front, as in *.example.com");
    if (strchr(host, ':') != NULL)
        return weir_why_set(why, "has a colon; write the host without a port");
    if (strlen(host) > HOST_LEN_MAX)
        return weir_why_set(why, "is longer than 253 letters, which no host name is");
    for (;;) {
        size_t len = strcspn(host, ".");
        if (!check_label(host, len, why))
            return false;
        if (host[len] == '\0')
            return true;
        host += len + 1;
    }
}

static bool check_server_name(const char *text, struct weir_why *why)
{
    struct weir_address address;

    if (weir_address_from_literal(text, &address))
        return true;
    if (strchr(text, '*') != NULL)
        return weir_why_set(why, "has a `*`; write one host, as in www.example.com");
    return check_host(text, why);
}

static bool check_prefix(const char *text, struct weir_why *why)
{
    if (text[0] != '/')
        return weir_why_set(why, "does not begin with `/`; write a path like /api/");
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '?' || *c == '#')
            return weir_why_set(why, "holds what no path of a request does; write ASCII without "
                                     "spaces, `?` and `#`");
    return true;
}

static bool check_origin(const char *text, struct weir_why *why)
{
    if (text[0] != '/')
        return weir_why_set(why, "does not begin with `/`; write a path like /healthz");
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '#')
            return weir_why_set(why, "holds what no path of a request does; write ASCII without "
                                     "spaces and `#`");
    return true;
}

/* What may stand in a Host field (RFC 9110 section 7.2). */
static bool check_authority(const char *text, struct weir_why *why)
{
    size_t n_good = 0;

    while (is_alphanumeric(text[n_good]) ||
           (text[n_good] != '\0' && strchr("_.-:[]", text[n_good])))
        n_good++;
    if (n_good > 0 && text[n_good] == '\0')
        return true;
    return weir_why_set(why, "is no host; write one like www.example.com or www.example.com:8080");
}

/* A path has a slash, so that a misspelt word is not taken for a file. */
static bool check_target(const struct weir_schema_row *row, const char *text, struct weir_why *why)
{
    struct weir_suggest suggest;

    weir_suggest_init(&suggest, text);
    for (const struct weir_schema_word *word = row->words; word->name != NULL; word++) {
        if (strcmp(word->name, text) == 0)
            return true;
        weir_suggest_try(&suggest, word->name);
    }
    if (strchr(text, '/') != NULL)
        return true;
    if (suggest.nearest != NULL)
        return weir_why_set(why, "is unknown; did you mean `%s`?", suggest.nearest);
    return weir_why_set(why,
                        "is unknown; write stderr, syslog, journal or a path with a `/` in it");
}

bool weir_texts_check(const struct weir_schema_row *row, const char *text, struct weir_why *why)
{
    switch (row->type) {
    case WEIR_SCHEMA_HOST:
        return check_host(text, why);
    case WEIR_SCHEMA_SERVER_NAME:
        return check_server_name(text, why);
    case WEIR_SCHEMA_PREFIX:
        return check_prefix(text, why);
    case WEIR_SCHEMA_ORIGIN:
        return check_origin(text, why);
    case WEIR_SCHEMA_AUTHORITY:
        return check_authority(text, why);
    case WEIR_SCHEMA_STATUSES:
        return weir_statuses_read(text, &(struct weir_statuses){{0}}, why);
    case WEIR_SCHEMA_TARGET:
        return check_target(row, text, why);
    case WEIR_SCHEMA_FILE:
        return strchr(text, '/') != NULL ||
               weir_why_set(why, "is no path; write one with a `/` in it");
    default:
        return true;
    }
}

/* A name without a port. */
static bool read_name(const char *text, struct weir_endpoint *endpoint)
{
    char with_port[sizeof(endpoint->host) + 2];
    const char *reason;

    if (strchr(text, ':') != NULL || strlen(text) >= sizeof(endpoint->host))
        return false;
    snprintf(with_port, sizeof(with_port), "%s:1", text);
    if (!weir_endpoint_parse(weir_slice_from(with_port), endpoint, &reason) || endpoint->is_literal)
        return false;
    endpoint->port = 0;
    return true;
}

static bool read_endpoint(const struct weir_schema_row *row, const char *text,
                          struct weir_endpoint *endpoint, struct weir_why *why)
{
    const char *reason;

    if (row->is_portless && read_name(text, endpoint))
        return true;
    if (!weir_endpoint_parse(weir_slice_from(text), endpoint, &reason))
        return weir_why_set(why, "%s", reason);
    if (row->needs_host && endpoint->host[0] == '\0')
        return weir_why_set(why, "has no host; a server needs one, as in 127.0.0.1:%u",
                            (unsigned)endpoint->port);
    return true;
}

bool weir_texts_read_endpoint(const struct weir_schema_row *row, const char *text,
                              struct weir_endpoint *endpoint, struct weir_why *why)
{
    if (read_endpoint(row, text, endpoint, why))
        return true;
    *endpoint = (struct weir_endpoint){0};
    return false;
}

static bool check_source(const char *text, struct weir_address *source, struct weir_why *why)
{
    static const uint8_t any_ipv4[16] = {[10] = 0xff, [11] = 0xff}, any_ipv6[16] = {0};
    uint8_t bytes[16];

    if (!weir_address_from_literal(text, source) || !weir_address_to_mapped(source, bytes))
        return weir_why_set(why, "is no IP address; write one of this host's, without a port, "
                                 "like 192.0.2.1 or 2001:db8::1");
    if (memcmp(bytes, any_ipv4, sizeof(bytes)) == 0 || memcmp(bytes, any_ipv6, sizeof(bytes)) == 0)
        return weir_why_set(why, "is every address of the host; write one of them, or leave "
                                 "`source` out to let the kernel choose");
    if (source->any.sa_family == AF_INET6 && memcmp(bytes, any_ipv4, 12) == 0)
        return weir_why_set(why, "is an IPv4 address in the form of IPv6; write it like 192.0.2.1");
    return true;
}

bool weir_texts_read_source(const char *text, struct weir_address *source, struct weir_why *why)
{
    if (check_source(text, source, why))
        return true;
    *source = (struct weir_address){0};
    return false;
}

bool weir_texts_read_network(const char *text, struct weir_network *network, struct weir_why *why)
{
    if (!weir_network_parse(weir_slice_from(text), network))
        return weir_why_set(why, "is no address or block of them; "
                                 "write 192.0.2.1, 10.0.0.0/8, ::1, fd00::/8 or unix");
    return true;
}
