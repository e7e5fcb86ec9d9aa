#include "weir/http/message.h"

#include "weir/http/upgrade.h"

static enum weir_method read_method(struct weir_slice text)
{
    static const char *const names[] = {"GET",   "HEAD", "PUT",   "DELETE", "OPTIONS",
                                        "TRACE", "POST", "PATCH", "CONNECT"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (weir_slice_is(text, names[i]))
            return (enum weir_method)i;
    }
    return WEIR_METHOD_OTHER;
}

/* Content-Length: one field of digits. Two that agree are refused too: nobody needs them.
 * FOUND tells whether there is one. */
static bool read_length(const struct weir_head *head, const char *base, bool *found,
                        uint64_t *length)
{
    *found = false;
    for (uint32_t i = 0; weir_head_has(head, WEIR_FIELD_CONTENT_LENGTH) && i < head->n_fields;
         i++) {
        if (head->fields[i].id != WEIR_FIELD_CONTENT_LENGTH)
            continue;
        if (*found || !weir_slice_to_number(weir_field_value(base, &head->fields[i]), length) ||
            *length > INT64_MAX)
            return false;
        *found = true;
    }
    return true;
}

/* Transfer-Encoding: one field that says `chunked` and nothing else is what weir takes. Empty
 * elements around it are refused, since not everybody skips them. */
static enum weir_error read_codings(const struct weir_head *head, const char *base, bool *found)
{
    unsigned n_fields = 0, n_chunked = 0, n_other = 0;
    bool is_plain = false, ends_chunked = false;

    *found = weir_head_has(head, WEIR_FIELD_TRANSFER_ENCODING);
    for (uint32_t i = 0; *found && i < head->n_fields; i++) {
        if (head->fields[i].id != WEIR_FIELD_TRANSFER_ENCODING)
            continue;
        struct weir_slice list = weir_field_value(base, &head->fields[i]), coding;
        is_plain = ++n_fields == 1 && weir_slice_is_like(list, "chunked");
        while (weir_slice_next_element(&list, &coding)) {
            ends_chunked = weir_slice_is_like(coding, "chunked");
            n_chunked += ends_chunked;
            n_other += !ends_chunked;
        }
    }
    if (!*found || is_plain)
        return WEIR_OK;
    return n_chunked > 1 || n_other == 0 || (n_chunked == 1 && !ends_chunked) ? WEIR_BAD_FRAMING
                                                                              : WEIR_UNKNOWN_CODING;
}

static enum weir_error read_request_framing(struct weir_framing *framing,
                                            const struct weir_head *head, const char *base)
{
    bool has_length, has_coding;
    uint64_t length = 0;
    enum weir_error error;

    if (!read_length(head, base, &has_length, &length))
        return WEIR_BAD_FRAMING;
    error = read_codings(head, base, &has_coding);
    if (has_coding && (has_length || head->minor == 0))
        return WEIR_BAD_FRAMING;
    *framing = (struct weir_framing){.kind = has_coding   ? WEIR_FRAMING_CHUNKED
                                             : has_length ? WEIR_FRAMING_LENGTH
                                                          : WEIR_FRAMING_NONE,
                                     .length = length};
    return error;
}

static unsigned option_of(struct weir_slice text)
{
    static const struct weir_slice close = WEIR_SLICE("close"), keep = WEIR_SLICE("keep-alive");

    return weir_slice_is_alike(text, close)  ? WEIR_OPTION_CLOSE
           : weir_slice_is_alike(text, keep) ? WEIR_OPTION_KEEP_ALIVE
                                             : WEIR_OPTION_OTHER;
}

unsigned weir_head_options(const struct weir_head *head, const char *base)
{
    unsigned options = 0;

    for (uint32_t i = 0; weir_head_has(head, WEIR_FIELD_CONNECTION) && i < head->n_fields; i++) {
        if (head->fields[i].id != WEIR_FIELD_CONNECTION)
            continue;
        struct weir_slice list = weir_field_value(base, &head->fields[i]), element;
        unsigned whole = option_of(list);
        if (whole != WEIR_OPTION_OTHER) {
            options |= whole;
            continue;
        }
        while (weir_slice_next_element(&list, &element))
            options |= option_of(element);
    }
    return options;
}

/* RFC 9112 section 9.3. */
static bool keeps_alive(const struct weir_head *head, unsigned options)
{
    if ((options & WEIR_OPTION_CLOSE) != 0)
        return false;
    return head->minor >= 1 || (options & WEIR_OPTION_KEEP_ALIVE) != 0;
}

/* unreserved, sub-delims but for the comma, and the percent sign (RFC 3986 section 3.2.2). */
static const bool host_bytes[256] = {
    ['!'] = true, ['$' ... '+'] = true, ['-' ... '.'] = true, ['0' ... '9'] = true, [';'] = true,
    ['='] = true, ['A' ... 'Z'] = true, ['_'] = true,         ['a' ... 'z'] = true, ['~'] = true,
};

/* uri-host [ ":" port ] (RFC 3986 section 3.2), without userinfo and without the comma that a list
 * of two hosts would have. */
static bool is_authority(struct weir_slice text)
{
    struct weir_slice host = weir_authority_host(text);
    struct weir_slice rest = weir_slice_make(host.data + host.len, text.len - host.len);
    bool bracketed = host.len > 0 && host.data[0] == '[';

    if (host.len == 0 || (bracketed && (host.len < 4 || host.data[host.len - 1] != ']')))
        return false;
    for (size_t i = bracketed; i < host.len - bracketed; i++) {
        unsigned char c = (unsigned char)host.data[i];
        if (!host_bytes[c] && !(bracketed && c == ':'))
            return false;
    }
    for (size_t i = 0; i < rest.len; i++) {
        if (i == 0 ? rest.data[0] != ':' : rest.data[i] < '0' || rest.data[i] > '9')
            return false;
    }
    return rest.len <= 6;
}

struct weir_slice weir_authority_host(struct weir_slice authority)
{
    size_t len = 0;

    if (authority.len > 0 && authority.data[0] == '[') {
        const char *bracket = memchr(authority.data, ']', authority.len);
        len = bracket ? (size_t)(bracket - authority.data) + 1 : authority.len;
    } else {
        const char *colon = memchr(authority.data, ':', authority.len);
        len = colon ? (size_t)(colon - authority.data) : authority.len;
    }
    return weir_slice_make(authority.data, len);
}

/* absolute-form: scheme "://" authority path-abempty [ "?" query ]. `rest` gets what follows the
 * authority. */
static bool read_absolute(struct weir_slice target, struct weir_slice *authority,
                          struct weir_slice *rest)
{
    size_t scheme = weir_slice_has_prefix_like(target, "http://")    ? 7
                    : weir_slice_has_prefix_like(target, "https://") ? 8
                                                                     : 0;
    size_t end = scheme;

    if (scheme == 0)
        return false;
    while (end < target.len && target.data[end] != '/' && target.data[end] != '?')
        end++;
    *authority = weir_slice_make(target.data + scheme, end - scheme);
    *rest = weir_slice_make(target.data + end, target.len - end);
    return is_authority(*authority);
}

static enum weir_error read_target(struct weir_request *request, struct weir_slice target)
{
    static const struct weir_slice root = WEIR_SLICE("/"), all = WEIR_SLICE("*");

    if (memchr(target.data, '#', target.len))
        return WEIR_BAD_TARGET;
    request->forward = target;
    if (target.data[0] == '*' && target.len == 1) {
        if (request->method != WEIR_METHOD_OPTIONS)
            return WEIR_BAD_TARGET;
    } else if (target.data[0] != '/') {
        if (!read_absolute(target, &request->authority, &request->forward))
            return WEIR_BAD_TARGET;
        request->has_absolute_target = true;
        if (request->forward.len == 0)
            request->forward = request->method == WEIR_METHOD_OPTIONS ? all : root;
        else if (request->forward.data[0] == '?')
            return WEIR_BAD_TARGET;
    }
    const char *query = memchr(request->forward.data, '?', request->forward.len);
    request->path = weir_slice_make(request->forward.data,
                                    query ? (size_t)(query - request->forward.data)
                                          : request->forward.len);
    return WEIR_OK;
}

/* RFC 9112 section 3.2: exactly one Host with HTTP/1.1; HTTP/1.0 may have none. */
static enum weir_error read_host(struct weir_request *request, const struct weir_head *head,
                                 const char *base)
{
    const struct weir_field *host = NULL;

    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (head->fields[i].id != WEIR_FIELD_HOST)
            continue;
        if (host)
            return WEIR_BAD_HOST;
        host = &head->fields[i];
    }
    if (!host)
        return head->minor >= 1 ? WEIR_BAD_HOST : WEIR_OK;
    if (!is_authority(weir_field_value(base, host)))
        return WEIR_BAD_HOST;
    if (!request->has_absolute_target)
        request->authority = weir_field_value(base, host);
    return WEIR_OK;
}

static bool has_expectation(const struct weir_head *head, const char *base)
{
    const struct weir_field *expect = weir_head_find(head, WEIR_FIELD_EXPECT);

    return expect && head->minor >= 1 &&
           weir_slice_is_like(weir_field_value(base, expect), "100-continue");
}

enum weir_error weir_request_read(struct weir_request *request, const struct weir_head *head,
                                  const char *base)
{
    unsigned options = weir_head_options(head, base);
    enum weir_error error;

    *request = (struct weir_request){
        .method = read_method(weir_span_in(base, head->method)),
        .is_keep_alive = keeps_alive(head, options),
        .has_options = (options & WEIR_OPTION_OTHER) != 0,
        .expects_continue = has_expectation(head, base),
        .asks_upgrade = weir_upgrade_is_asked(head, base),
        .authority = weir_slice_make(base, 0),
    };
    request->is_repeatable = request->method <= WEIR_METHOD_TRACE ||
                             weir_head_find(head, WEIR_FIELD_IDEMPOTENCY_KEY) != NULL;
    if (request->method == WEIR_METHOD_CONNECT)
        return WEIR_METHOD_NOT_CARRIED;
    error = read_target(request, weir_span_in(base, head->target));
    if (!error)
        error = read_host(request, head, base);
    if (!error)
        error = read_request_framing(&request->framing, head, base);
    return error;
}

enum weir_error weir_response_read(struct weir_response *response, const struct weir_head *head,
                                   const char *base, enum weir_method method)
{
    unsigned status = head->status;
    bool has_length, has_coding;
    uint64_t length = UINT64_MAX;
    bool is_bare = method == WEIR_METHOD_HEAD || status == 204 || status == 304;
    unsigned options;

    if (status == 101 || !read_length(head, base, &has_length, &length) ||
        read_codings(head, base, &has_coding) || (has_coding && (has_length || head->minor == 0)))
        return WEIR_BAD_RESPONSE;
    options = weir_head_options(head, base);
    *response = (struct weir_response){
        .is_interim = status < 200,
        .has_options = (options & WEIR_OPTION_OTHER) != 0,
        .framing = {.kind = status < 200 || is_bare ? WEIR_FRAMING_NONE
                            : has_coding            ? WEIR_FRAMING_CHUNKED
                            : has_length            ? WEIR_FRAMING_LENGTH
                                                    : WEIR_FRAMING_CLOSE,
                    .length = has_length ? length : UINT64_MAX},
    };
    response->is_keep_alive = response->framing.kind != WEIR_FRAMING_CLOSE &&
                              keeps_alive(head, options);
    return WEIR_OK;
}

bool weir_head_has_option(const struct weir_head *head, const char *base, struct weir_slice option)
{
    for (uint32_t i = 0; weir_head_has(head, WEIR_FIELD_CONNECTION) && i < head->n_fields; i++) {
        if (head->fields[i].id != WEIR_FIELD_CONNECTION || head->fields[i].value_len < option.len)
            continue;
        struct weir_slice list = weir_field_value(base, &head->fields[i]), element;
        while (weir_slice_next_element(&list, &element)) {
            if (weir_slice_is_alike(element, option))
                return true;
        }
    }
    return false;
}

bool weir_field_is_forwarded(const struct weir_head *head, const char *base,
                             const struct weir_field *field, bool has_options)
{
    switch (field->id) {
    case WEIR_FIELD_CONNECTION:
    case WEIR_FIELD_KEEP_ALIVE:
    case WEIR_FIELD_PROXY_CONNECTION:
    case WEIR_FIELD_PROXY_AUTHENTICATE:
    case WEIR_FIELD_PROXY_AUTHORIZATION:
    case WEIR_FIELD_TE:
    case WEIR_FIELD_UPGRADE:
    case WEIR_FIELD_HTTP2_SETTINGS:
    case WEIR_FIELD_TRANSFER_ENCODING:
    case WEIR_FIELD_CONTENT_LENGTH:
        return false;
    case WEIR_FIELD_HOST:
    case WEIR_FIELD_VIA:
    case WEIR_FIELD_EXPECT:
    case WEIR_FIELD_IDEMPOTENCY_KEY:
    case WEIR_FIELD_FORWARDED:
    case WEIR_FIELD_X_FORWARDED_FOR:
    case WEIR_FIELD_X_FORWARDED_HOST:
    case WEIR_FIELD_X_FORWARDED_PROTO:
    case WEIR_FIELD_X_FORWARDED_OTHER:
        return true;
    default:
        return !has_options || !weir_head_has_option(head, base, weir_field_name(base, field));
    }
}

bool weir_field_is_trailer(const struct weir_field *field)
{
    return field->id == WEIR_FIELD_OTHER;
}
