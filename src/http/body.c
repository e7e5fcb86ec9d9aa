#include "weir/http/body.h"

#include "weir/base/assert.h"

enum {
    SIZE_FIRST, /* the first digit of a chunk size */
    SIZE,
    EXTENSION,
    SIZE_LF,
    CONTENT,
    CONTENT_CR,
    CONTENT_LF,
    TRAILERS, /* at the first byte after the last chunk's line */
    COMPLETE
};

enum { SIZE_DIGITS_MAX = 16, EXTENSION_BYTES_MAX = 1024 };

void weir_body_init(struct weir_body *body, struct weir_framing framing)
{
    *body = (struct weir_body){.kind = framing.kind, .state = SIZE_FIRST};
    if (framing.kind == WEIR_FRAMING_LENGTH)
        body->left = framing.length;
    if (framing.kind == WEIR_FRAMING_NONE ||
        (framing.kind == WEIR_FRAMING_LENGTH && framing.length == 0))
        body->state = COMPLETE;
}

void weir_body_skip(struct weir_body *body, uint64_t len)
{
    WEIR_ASSERT(body->kind == WEIR_FRAMING_LENGTH && len <= body->left);
    body->left -= len;
    body->content_bytes += len;
    if (body->left == 0)
        body->state = COMPLETE;
}

void weir_body_end(struct weir_body *body)
{
    body->state = COMPLETE;
}

bool weir_body_is_complete(const struct weir_body *body)
{
    return body->state == COMPLETE;
}

bool weir_body_may_end_by_close(const struct weir_body *body)
{
    return body->kind == WEIR_FRAMING_CLOSE || weir_body_is_complete(body);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

static bool add_digit(struct weir_body *body, int digit)
{
    if (digit < 0 || body->digits == SIZE_DIGITS_MAX)
        return false;
    body->left = body->left << 4 | (uint64_t)digit;
    body->digits++;
    body->state = SIZE;
    return body->left <= INT64_MAX;
}

static bool is_extension_byte(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

/* One byte between the contents of chunks. */
static bool step(struct weir_body *body, char c)
{
    switch (body->state) {
    case SIZE_FIRST:
        body->left = 0;
        body->digits = 0;
        body->ignored = 0;
        return add_digit(body, hex_value(c));
    case SIZE:
        if (c != ';' && c != '\r')
            return add_digit(body, hex_value(c));
        body->state = c == ';' ? EXTENSION : SIZE_LF;
        return true;
    case EXTENSION:
        if (c == '\r')
            body->state = SIZE_LF;
        return c == '\r' || (is_extension_byte(c) && ++body->ignored <= EXTENSION_BYTES_MAX);
    case SIZE_LF:
        body->state = body->left > 0 ? CONTENT : TRAILERS;
        return c == '\n';
    case CONTENT_CR:
        body->state = CONTENT_LF;
        return c == '\r';
    default:
        body->state = SIZE_FIRST;
        return c == '\n';
    }
}

static struct weir_slice take_content(struct weir_body *body, const char *data, size_t len)
{
    if (body->kind != WEIR_FRAMING_CLOSE) {
        if (len > body->left)
            len = (size_t)body->left;
        body->left -= len;
    }
    body->content_bytes += len;
    return weir_slice_make(data, len);
}

static enum weir_body_event next_in_chunks(struct weir_body *body, const char *data, size_t len,
                                           size_t *used, struct weir_slice *slice)
{
    size_t at = 0;

    while (at < len && body->state != CONTENT && body->state != TRAILERS) {
        if (!step(body, data[at++]))
            return WEIR_BODY_BAD;
    }
    *used = at;
    if (at == len)
        return WEIR_BODY_MORE;
    if (body->state == TRAILERS) {
        if (len - at < 2 && data[at] == '\r')
            return WEIR_BODY_MORE;
        if (data[at] != '\r')
            return WEIR_BODY_TRAILERS;
        if (data[at + 1] != '\n')
            return WEIR_BODY_BAD;
        *used = at + 2;
        body->state = COMPLETE;
        return WEIR_BODY_END;
    }
    *slice = take_content(body, data + at, len - at);
    *used = at + slice->len;
    if (body->left == 0)
        body->state = CONTENT_CR;
    return WEIR_BODY_DATA;
}

enum weir_body_event weir_body_next(struct weir_body *body, const char *data, size_t len,
                                    size_t *used, struct weir_slice *slice)
{
    *used = 0;
    if (body->state == COMPLETE)
        return WEIR_BODY_END;
    if (len == 0)
        return WEIR_BODY_MORE;
    if (body->kind == WEIR_FRAMING_CHUNKED)
        return next_in_chunks(body, data, len, used, slice);
    *slice = take_content(body, data, len);
    *used = slice->len;
    if (body->kind == WEIR_FRAMING_LENGTH && body->left == 0)
        body->state = COMPLETE;
    return WEIR_BODY_DATA;
}
