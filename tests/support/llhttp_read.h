/* A head as llhttp reads it: the second opinion of tests and fuzz targets on what weir accepts.
 * Functions in a header, so that a fuzz target stays one file. */
#ifndef TESTS_SUPPORT_LLHTTP_READ_H
#define TESTS_SUPPORT_LLHTTP_READ_H

#include "weir/http/message.h"

#include <llhttp.h>
#include <stdlib.h>

enum { LLHTTP_READ_FIELDS = 200, LLHTTP_READ_BYTES = 65536 };

struct llhttp_read {
    bool is_accepted;
    bool is_chunked, has_length, keeps_alive;
    uint64_t length;
    unsigned minor, status;
    struct weir_slice method, target;
    struct weir_slice names[LLHTTP_READ_FIELDS], values[LLHTTP_READ_FIELDS];
    unsigned n_fields;
    const char *reason; /* when it is not accepted */
    /* What llhttp says piece by piece is put together here. */
    size_t used;
    bool in_value;
    char text[LLHTTP_READ_BYTES];
};

static inline int llhttp_read_add(struct llhttp_read *read, struct weir_slice *to, const char *at,
                                  size_t len)
{
    if (to->len == 0)
        to->data = read->text + read->used;
    if (len > sizeof(read->text) - read->used)
        abort();
    memcpy(read->text + read->used, at, len);
    read->used += len;
    to->len += len;
    return 0;
}

static inline int llhttp_read_on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct llhttp_read *read = parser->data;

    return llhttp_read_add(read, &read->target, at, len);
}

static inline int llhttp_read_on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct llhttp_read *read = parser->data;

    if (read->n_fields == LLHTTP_READ_FIELDS)
        abort();
    return llhttp_read_add(read, &read->names[read->n_fields], at, len);
}

static inline int llhttp_read_on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct llhttp_read *read = parser->data;

    return llhttp_read_add(read, &read->values[read->n_fields], at, len);
}

static inline int llhttp_read_on_value_end(llhttp_t *parser)
{
    struct llhttp_read *read = parser->data;

    read->values[read->n_fields] = weir_slice_trim(read->values[read->n_fields]);
    read->n_fields++;
    return 0;
}

static inline int llhttp_read_on_head(llhttp_t *parser)
{
    struct llhttp_read *read = parser->data;

    read->is_accepted = true;
    read->is_chunked = (parser->flags & F_CHUNKED) != 0;
    read->has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
    read->length = parser->content_length;
    read->minor = parser->http_minor;
    read->status = parser->status_code;
    read->keeps_alive = llhttp_should_keep_alive(parser) != 0;
    if (parser->type == HTTP_REQUEST)
        read->method = weir_slice_from(llhttp_method_name((llhttp_method_t)parser->method));
    return 0;
}

/* Reads a head and nothing behind it, as strictly as llhttp can. Owns: the caller frees it. */
static inline struct llhttp_read *llhttp_read(llhttp_type_t type, const char *bytes, size_t len)
{
    struct llhttp_read *read = calloc(1, sizeof(*read));
    llhttp_settings_t settings;
    llhttp_t parser;

    if (!read)
        abort();
    llhttp_settings_init(&settings);
    settings.on_url = llhttp_read_on_url;
    settings.on_header_field = llhttp_read_on_name;
    settings.on_header_value = llhttp_read_on_value;
    settings.on_header_value_complete = llhttp_read_on_value_end;
    settings.on_headers_complete = llhttp_read_on_head;
    llhttp_init(&parser, type, &settings);
    parser.data = read;
    llhttp_errno_t error = llhttp_execute(&parser, bytes, len);
    read->is_accepted &= error == HPE_OK || error == HPE_PAUSED_UPGRADE;
    read->reason = read->is_accepted        ? ""
                   : parser.reason && error ? parser.reason
                                            : "it wants more";
    return read;
}

/* Does llhttp know this method for HTTP? */
static inline bool llhttp_knows_method(struct weir_slice method)
{
#define LLHTTP_KNOWN(number, name, string) #string,
    static const char *const names[] = {HTTP_METHOD_MAP(LLHTTP_KNOWN)};
#undef LLHTTP_KNOWN

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (weir_slice_is(method, names[i]))
            return !weir_slice_is(method, "PRI") && !weir_slice_is(method, "SOURCE");
    }
    return false;
}

/* The head as llhttp is given it, with what it is known to see otherwise put right: it has a list
 * of methods, knows no minor versions but 0 and 1, and takes no tab behind the values of
 * Content-Length and Transfer-Encoding, where RFC 9110 section 5.6.3 has one. Returns the length of
 * what is written to COPY, which has room for LEN + 4. */
static inline size_t llhttp_read_translate(char *copy, const struct weir_head *head,
                                           const char *base, size_t len)
{
    bool is_known = head->kind != WEIR_HEAD_REQUEST ||
                    llhttp_knows_method(weir_span_in(base, head->method));
    size_t skip = is_known ? 0 : head->method.at + head->method.len, at = is_known ? 0 : 4;
    size_t version = head->kind == WEIR_HEAD_REQUEST ? head->target.at + head->target.len + 8
                                                     : head->start + 7;

    memcpy(copy, "POST", 4);
    memcpy(copy + at, base + skip, len - skip);
    if (head->minor > 1)
        copy[version - skip + at] = '1';
    for (uint32_t i = 0; i < head->n_fields; i++) {
        const struct weir_field *field = &head->fields[i];
        if (field->id != WEIR_FIELD_CONTENT_LENGTH && field->id != WEIR_FIELD_TRANSFER_ENCODING)
            continue;
        for (size_t k = field->value_at + field->value_len; base[k] != '\r'; k++)
            copy[k - skip + at] = ' ';
    }
    return len - skip + at;
}

#endif
