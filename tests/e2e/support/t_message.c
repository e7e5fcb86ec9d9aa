/* The tests' own strict reader of HTTP/1.x messages (RFC 9112). */
#define T_HARNESS
#include "t_message.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BLOCKS = 6, HEAD_MAX = 4 << 20, FIELDS_MAX = 20000, HEX_DIGITS_MAX = 15 };

/* What a message owns. */
struct memory {
    void *blocks[BLOCKS];
    size_t count;
};

/* One reading of one message. */
struct parse {
    struct t_message *message;
    const char *data;
    size_t len;
    size_t at; /* read so far */
    bool at_end;
    const char *method; /* of the request that this answers, or null */
    const char *wrong;
};

static void *own(struct t_message *message, size_t size)
{
    struct memory *memory = message->memory;
    void *block = calloc(1, size);
    if (!block || memory->count == BLOCKS)
        abort();
    memory->blocks[memory->count++] = block;
    return block;
}

void t_message_fini(struct t_message *message)
{
    struct memory *memory = message->memory;
    for (size_t i = 0; memory && i < memory->count; i++)
        free(memory->blocks[i]);
    free(memory);
    *message = (struct t_message){0};
}

static enum t_parse_result broken(struct parse *parse, const char *wrong)
{
    parse->wrong = wrong;
    return T_PARSE_BROKEN;
}

static enum t_parse_result more(struct parse *parse, const char *wrong)
{
    return parse->at_end ? broken(parse, wrong) : T_PARSE_MORE;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *text))
            return false;
    return true;
}

/* Cuts the next line, which must end with CRLF and hold no control character but tab, out of *TEXT.
 */
static char *next_line(char **text, char *end)
{
    char *line = *text;
    char *at = line;
    while (at < end && ((unsigned char)*at >= ' ' || *at == '\t') && *at != 0x7f)
        at++;
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return NULL;
    *at = '\0';
    *text = at + 2;
    return line;
}

static bool parse_version(const char *text, int *version)
{
    *version = strncmp(text, "HTTP/1.1", 8) == 0 ? 11 : 10;
    return *version == 11 || strncmp(text, "HTTP/1.0", 8) == 0;
}

static const char *parse_status_line(struct t_message *message, char *line)
{
    if (strlen(line) < 13 || !parse_version(line, &message->version) || line[8] != ' ' ||
        line[12] != ' ')
        return "not a status line";
    if (strspn(line + 9, "0123456789") != 3)
        return "not a status code";
    message->is_response = true;
    message->status = (int)strtol(line + 9, NULL, 10);
    message->reason = line + 13;
    return message->status >= 100 && message->status <= 599 ? NULL : "status code out of range";
}

static const char *parse_request_line(struct t_message *message, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || strlen(version) != 9 || !parse_version(version + 1, &message->version))
        return "not a request line";
    *target++ = '\0';
    *version = '\0';
    message->method = line;
    message->target = target;
    return is_token(line) && *target ? NULL : "not a method or no target";
}

/* Reads field lines until the empty one. */
static const char *parse_fields(char *text, char *end, struct t_field *fields, size_t *count)
{
    for (;;) {
        char *line = next_line(&text, end);
        if (!line)
            return "a field line with a control character in it or without CRLF";
        if (!*line)
            return text == end ? NULL : "bytes behind the empty line";
        char *colon = strchr(line, ':');
        if (!colon)
            return "a field line without a colon";
        *colon = '\0';
        if (!is_token(line))
            return "a field name that is no token";
        char *value = colon + 1 + strspn(colon + 1, " \t");
        size_t len = strlen(value);
        while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            value[--len] = '\0';
        if (*count == FIELDS_MAX)
            return "too many fields";
        fields[(*count)++] = (struct t_field){line, value};
    }
}

/* Counts the lines of a head or a trailer section: room for as many fields. */
static size_t count_lines(const char *text, size_t len)
{
    size_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static enum t_parse_result parse_head(struct parse *parse)
{
    struct t_message *message = parse->message;
    const char *mark = memmem(parse->data, parse->len, "\r\n\r\n", 4);
    if (!mark)
        return parse->len > HEAD_MAX ? broken(parse, "the head has no end")
                                     : more(parse, "cut short in the head");
    size_t len = (size_t)(mark - parse->data) + 4;
    char *head = own(message, len + 1);
    memcpy(head, parse->data, len);
    message->head = head;
    message->head_len = len;
    char *work = own(message, len + 1);
    memcpy(work, parse->data, len);
    char *end = work + len;
    message->fields = own(message, (count_lines(head, len) + 1) * sizeof(struct t_field));
    char *line = next_line(&work, end);
    if (!line)
        return broken(parse, "a start line with a control character in it or without CRLF");
    parse->wrong = parse->method ? parse_status_line(message, line)
                                 : parse_request_line(message, line);
    if (!parse->wrong)
        parse->wrong = parse_fields(work, end, message->fields, &message->field_count);
    parse->at = len;
    return parse->wrong ? T_PARSE_BROKEN : T_PARSE_DONE;
}

size_t t_field_count(const struct t_message *message, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < message->field_count; i++)
        count += strcasecmp(message->fields[i].name, name) == 0;
    return count;
}

static const char *first(const struct t_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(fields[i].name, name) == 0)
            return fields[i].value;
    return NULL;
}

/* RFC 9112 section 6.3, without its leniency. */
static const char *decide_framing(struct parse *parse, uint64_t *length)
{
    struct t_message *message = parse->message;
    size_t lengths = t_field_count(message, "content-length");
    size_t codings = t_field_count(message, "transfer-encoding");
    const char *value = first(message->fields, message->field_count, "content-length");
    int status = message->status;
    bool no_body_status = message->is_response && (status < 200 || status == 204);
    if (lengths + codings > 1)
        return "more than one framing field";
    if (lengths && (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 18))
        return "a bad Content-Length";
    *length = lengths ? strtoull(value, NULL, 10) : 0;
    if (codings && strcasecmp(first(message->fields, message->field_count, "transfer-encoding"),
                              "chunked") != 0)
        return "a Transfer-Encoding other than chunked";
    if (codings && message->version == 10)
        return "a Transfer-Encoding in HTTP/1.0";
    if (no_body_status && (lengths || codings))
        return "a framing field in an answer that has no body";
    message->framing = lengths ? T_FRAMING_LENGTH : codings ? T_FRAMING_CHUNKED : T_FRAMING_NONE;
    if (no_body_status || status == 304 || (parse->method && strcmp(parse->method, "HEAD") == 0))
        message->framing = T_FRAMING_NONE;
    else if (message->is_response && !lengths && !codings)
        message->framing = T_FRAMING_CLOSE;
    return NULL;
}

/* Copies LEN bytes of body. */
static void take_body(struct parse *parse, size_t len)
{
    struct t_message *message = parse->message;
    char *body = own(message, len + 1);
    memcpy(body, parse->data + parse->at, len);
    message->body = body;
    message->body_len = len;
    parse->at += len;
}

/* Reads a chunk's size line. */
static enum t_parse_result parse_chunk_size(struct parse *parse, size_t *size)
{
    size_t digits = 0;
    *size = 0;
    while (parse->at + digits < parse->len) {
        const char *hex = "0123456789abcdef";
        char digit = parse->data[parse->at + digits];
        const char *found = digit ? strchr(hex, digit >= 'A' && digit <= 'F' ? digit + 32 : digit)
                                  : NULL;
        if (!found)
            break;
        if (++digits > HEX_DIGITS_MAX)
            return broken(parse, "a chunk size with too many digits");
        *size = *size * 16 + (size_t)(found - hex);
    }
    size_t left = parse->len - parse->at - digits;
    if (left && (!digits || parse->data[parse->at + digits] != '\r'))
        return broken(parse, "a bad chunk size line");
    if (left < 2)
        return more(parse, "cut short in a chunk size line");
    if (parse->data[parse->at + digits + 1] != '\n')
        return broken(parse, "a chunk size line with a bare CR");
    parse->at += digits + 2;
    return T_PARSE_DONE;
}

static enum t_parse_result parse_trailers(struct parse *parse)
{
    struct t_message *message = parse->message;
    const char *from = parse->data + parse->at;
    size_t left = parse->len - parse->at;
    size_t len = 2;
    if (left < 2 || memcmp(from, "\r\n", 2) != 0) {
        const char *mark = memmem(from, left, "\r\n\r\n", 4);
        if (!mark)
            return more(parse, "cut short in the trailers");
        len = (size_t)(mark - from) + 4;
    }
    char *work = own(message, len + 1);
    memcpy(work, from, len);
    message->trailers = own(message, (count_lines(from, len) + 1) * sizeof(struct t_field));
    parse->wrong = parse_fields(work, work + len, message->trailers, &message->trailer_count);
    parse->at += len;
    return parse->wrong ? T_PARSE_BROKEN : T_PARSE_DONE;
}

static enum t_parse_result parse_chunked(struct parse *parse)
{
    struct t_message *message = parse->message;
    char *body = own(message, parse->len - parse->at + 1);
    message->body = body;
    for (;;) {
        size_t size;
        enum t_parse_result result = parse_chunk_size(parse, &size);
        if (result != T_PARSE_DONE)
            return result;
        if (size == 0)
            return parse_trailers(parse);
        size_t left = parse->len - parse->at;
        if (left < size || left - size < 2)
            return more(parse, "cut short in a chunk");
        memcpy(body + message->body_len, parse->data + parse->at, size);
        message->body_len += size;
        message->chunk_count++;
        parse->at += size + 2;
        if (memcmp(parse->data + parse->at - 2, "\r\n", 2) != 0)
            return broken(parse, "a chunk that does not end with CRLF");
    }
}

static enum t_parse_result parse_body(struct parse *parse)
{
    uint64_t length;
    parse->wrong = decide_framing(parse, &length);
    if (parse->wrong)
        return T_PARSE_BROKEN;
    size_t left = parse->len - parse->at;
    switch (parse->message->framing) {
    case T_FRAMING_CHUNKED:
        return parse_chunked(parse);
    case T_FRAMING_CLOSE:
        if (!parse->at_end)
            return T_PARSE_MORE;
        take_body(parse, left);
        return T_PARSE_DONE;
    case T_FRAMING_LENGTH:
        if (left < length)
            return more(parse, "cut short in the body");
        take_body(parse, (size_t)length);
        return T_PARSE_DONE;
    case T_FRAMING_NONE:
    default:
        take_body(parse, 0);
        return T_PARSE_DONE;
    }
}

enum t_parse_result t_message_parse(struct t_message *message, const char *data, size_t len,
                                    const char *request_method, bool at_end, const char **wrong)
{
    struct parse parse = {.message = message,
                          .data = data ? data : "",
                          .len = len,
                          .at_end = at_end,
                          .method = request_method};
    *message = (struct t_message){.memory = calloc(1, sizeof(struct memory))};
    if (!message->memory)
        abort();
    enum t_parse_result result = parse_head(&parse);
    if (result == T_PARSE_DONE)
        result = parse_body(&parse);
    message->raw_len = parse.at;
    *wrong = parse.wrong;
    if (result != T_PARSE_DONE)
        t_message_fini(message);
    return result;
}
