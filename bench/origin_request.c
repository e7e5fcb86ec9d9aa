#include "origin_request.h"

#include <string.h>
#include <strings.h>

enum { HEX_DIGITS_MAX = 15, TRAILER_LINE_MAX = 64 * 1024, EXTENSION_MAX = 4096 };

/* A field's value without the spaces around it. */
struct value {
    const char *data;
    size_t len;
};

static bool is_like(const char *data, size_t len, const char *text)
{
    return len == strlen(text) && strncasecmp(data, text, len) == 0;
}

/* Is TEXT an element of the comma-separated list? */
static bool has_element(struct value list, const char *text)
{
    const char *at = list.data, *end = list.data + list.len;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *last = stop;
        while (at < last && (*at == ' ' || *at == '\t'))
            at++;
        while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        if (is_like(at, (size_t)(last - at), text))
            return true;
        at = stop + 1;
    }
    return false;
}

static const char *read_length(struct origin_body *body, struct value value)
{
    if (!value.len || value.len > 18 || body->state != ORIGIN_BODY_DONE || body->is_chunked)
        return "bad or repeated Content-Length, or beside Transfer-Encoding";
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return "bad Content-Length";
        body->length = body->length * 10 + (uint64_t)(value.data[i] - '0');
    }
    body->left = body->length;
    body->state = body->left ? ORIGIN_BODY_LENGTH : ORIGIN_BODY_DONE;
    return NULL;
}

static const char *read_coding(struct origin_body *body, struct value value)
{
    if (!is_like(value.data, value.len, "chunked") || body->state != ORIGIN_BODY_DONE)
        return "a Transfer-Encoding other than chunked, repeated, or beside Content-Length";
    body->is_chunked = true;
    body->state = ORIGIN_BODY_SIZE;
    return NULL;
}

/* What the connection fields have said so far. */
struct wishes {
    bool close;
    bool keep_alive;
};

static const char *read_field(struct origin_request *request, struct wishes *wishes,
                              const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line || colon[-1] == ' ' || line[0] == ' ' || line[0] == '\t')
        return "a field line without a name, folded, or with a space before the colon";
    size_t name_len = (size_t)(colon - line);
    struct value value = {colon + 1, len - name_len - 1};
    while (value.len && (*value.data == ' ' || *value.data == '\t')) {
        value.data++;
        value.len--;
    }
    while (value.len && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    switch (line[0] | 0x20) {
    case 'c':
        if (is_like(line, name_len, "content-length"))
            return read_length(&request->body, value);
        if (is_like(line, name_len, "connection")) {
            wishes->close = wishes->close || has_element(value, "close");
            wishes->keep_alive = wishes->keep_alive || has_element(value, "keep-alive");
        }
        break;
    case 't':
        if (is_like(line, name_len, "transfer-encoding"))
            return read_coding(&request->body, value);
        break;
    case 'e':
        if (is_like(line, name_len, "expect"))
            request->expects_100 = is_like(value.data, value.len, "100-continue");
        break;
    default:
        break;
    }
    return NULL;
}

static const char *read_request_line(struct origin_request *request, const char *line, size_t len)
{
    const char *end = line + len;
    const char *space = memchr(line, ' ', len);
    if (!space || space == line)
        return "not a request line";
    request->method = line;
    request->method_len = (size_t)(space - line);
    request->target = space + 1;
    const char *second = memchr(request->target, ' ', (size_t)(end - request->target));
    if (!second || second == request->target || end - second != 9 ||
        memcmp(second + 1, "HTTP/1.", 7) != 0 || (end[-1] != '0' && end[-1] != '1'))
        return "not a request line of HTTP/1.0 or 1.1";
    request->target_len = (size_t)(second - request->target);
    request->is_http10 = end[-1] == '0';
    request->is_head = request->method_len == 4 && memcmp(line, "HEAD", 4) == 0;
    request->is_post = request->method_len == 4 && memcmp(line, "POST", 4) == 0;
    const char *mark = memchr(request->target, '?', request->target_len);
    if (mark) {
        request->query = mark + 1;
        request->query_len = (size_t)(second - request->query);
    }
    return NULL;
}

/* Reads a complete head. */
static const char *read_head(struct origin_request *request, const char *data, size_t len)
{
    struct wishes wishes = {false, false};
    bool is_first = true;
    const char *end = data + len - 2; /* the empty line */
    while (data < end) {
        const char *lf = memchr(data, '\n', (size_t)(end - data));
        if (!lf || lf == data || lf[-1] != '\r')
            return "a line that ends without CRLF";
        size_t line_len = (size_t)(lf - data) - 1;
        const char *wrong = is_first ? read_request_line(request, data, line_len)
                                     : read_field(request, &wishes, data, line_len);
        if (wrong)
            return wrong;
        is_first = false;
        data = lf + 1;
    }
    request->wants_close = wishes.close || (request->is_http10 && !wishes.keep_alive);
    if (request->is_http10)
        request->expects_100 = false;
    return NULL;
}

int origin_request_parse(struct origin_request *request, const char *data, size_t len,
                         size_t *scanned, const char **wrong)
{
    size_t from = *scanned > 3 ? *scanned - 3 : 0;
    const char *mark = memmem(data + from, len - from, "\r\n\r\n", 4);
    if (!mark) {
        *scanned = len;
        *wrong = "the head is too long";
        return len > ORIGIN_HEAD_MAX ? -1 : 0;
    }
    memset(request, 0, sizeof(*request));
    request->head_len = (size_t)(mark - data) + 4;
    *scanned = 0;
    *wrong = read_head(request, data, request->head_len);
    return *wrong ? -1 : 1;
}

/* One byte of a chunk's size line. */
static void take_size_byte(struct origin_body *body, char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c && !body->is_in_extension && !body->saw_cr
                         ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c)
                         : NULL;
    if (at && body->digits < HEX_DIGITS_MAX) {
        body->left = body->left * 16 + (uint64_t)(at - digits);
        body->digits++;
    } else if (body->digits && c == ';' && !body->saw_cr) {
        body->is_in_extension = true;
    } else if (body->digits && c == '\r' && !body->saw_cr) {
        body->saw_cr = true;
    } else if (body->saw_cr && c == '\n') {
        body->state = body->left ? ORIGIN_BODY_CHUNK : ORIGIN_BODY_TRAILERS;
        body->digits = body->line_bytes = 0;
        body->saw_cr = body->is_in_extension = false;
    } else if (!body->is_in_extension || body->saw_cr || ++body->line_bytes > EXTENSION_MAX) {
        body->state = ORIGIN_BODY_BROKEN;
    }
}

/* One byte of the CRLF behind a chunk. */
static void take_chunk_end_byte(struct origin_body *body, char c)
{
    if (!body->saw_cr && c == '\r') {
        body->saw_cr = true;
    } else if (body->saw_cr && c == '\n') {
        body->saw_cr = false;
        body->state = ORIGIN_BODY_SIZE;
    } else {
        body->state = ORIGIN_BODY_BROKEN;
    }
}

/* One byte of the trailer section, which ends with an empty line. */
static void take_trailer_byte(struct origin_body *body, char c)
{
    if (body->saw_cr) {
        body->saw_cr = false;
        if (c != '\n')
            body->state = ORIGIN_BODY_BROKEN;
        else if (body->line_bytes == 0)
            body->state = ORIGIN_BODY_DONE;
        body->line_bytes = 0;
    } else if (c == '\r') {
        body->saw_cr = true;
    } else if (c == '\n' || ++body->line_bytes > TRAILER_LINE_MAX) {
        body->state = ORIGIN_BODY_BROKEN;
    }
}

static size_t take_payload(struct origin_body *body, size_t len)
{
    size_t now = len < body->left ? len : (size_t)body->left;
    body->left -= now;
    if (body->left == 0)
        body->state = body->state == ORIGIN_BODY_LENGTH ? ORIGIN_BODY_DONE : ORIGIN_BODY_CHUNK_END;
    return now;
}

size_t origin_body_take(struct origin_body *body, const char *data, size_t len,
                        const char **payload, size_t *payload_len)
{
    size_t at = 0;
    *payload_len = 0;
    while (at < len && !origin_body_is_over(body)) {
        switch (body->state) {
        case ORIGIN_BODY_SIZE:
            take_size_byte(body, data[at++]);
            break;
        case ORIGIN_BODY_CHUNK_END:
            take_chunk_end_byte(body, data[at++]);
            break;
        case ORIGIN_BODY_TRAILERS:
            take_trailer_byte(body, data[at++]);
            break;
        default:
            if (*payload_len)
                return at;
            *payload = data + at;
            *payload_len = take_payload(body, len - at);
            at += *payload_len;
            break;
        }
    }
    return at;
}
