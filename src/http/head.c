/* A head is read line by line, each line once, when its LF is here; `scanned` remembers how far the
 * LF was looked for, so that a head that drips in costs no more than one that comes at once. Lines
 * that lie there whole, with nothing wrong, which is nearly all of them, are read in one pass. */
#include "weir/http/head.h"

#include "weir/base/assert.h"
#include "weir/base/scan.h"

#include <stdlib.h>

enum { TOKEN = 1, VALUE = 2, TARGET = 4 };

/* RFC 9110 section 5.6.2 (tchar), section 5.5 (field-value with obs-text), RFC 9112 section 3.2. */
static const uint8_t classes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | VALUE | TARGET,
    ['"'] = VALUE | TARGET,
    ['#' ... '\''] = TOKEN | VALUE | TARGET,
    ['(' ... ')'] = VALUE | TARGET,
    ['*' ... '+'] = TOKEN | VALUE | TARGET,
    [','] = VALUE | TARGET,
    ['-' ... '.'] = TOKEN | VALUE | TARGET,
    ['/'] = VALUE | TARGET,
    ['0' ... '9'] = TOKEN | VALUE | TARGET,
    [':' ... '@'] = VALUE | TARGET,
    ['A' ... 'Z'] = TOKEN | VALUE | TARGET,
    ['[' ... ']'] = VALUE | TARGET,
    ['^' ... 'z'] = TOKEN | VALUE | TARGET,
    ['{'] = VALUE | TARGET,
    ['|'] = TOKEN | VALUE | TARGET,
    ['}'] = VALUE | TARGET,
    ['~'] = TOKEN | VALUE | TARGET,
    [0x80 ... 0xff] = VALUE,
};

/* How long the token is that begins here. */
static uint32_t token_len(const char *text, uint32_t len)
{
    uint32_t i = 0;

    while (i < len && (classes[(unsigned char)text[i]] & TOKEN) != 0)
        i++;
    return i;
}

static bool is_all(const char *text, size_t len, uint8_t class)
{
    uint8_t all = class;
    size_t i = 0;

    /* What is plain belongs to both other classes; blanks and obs-text are left to the table. */
    if (class != TOKEN && len >= WEIR_SCAN_BYTES)
        i = (size_t)(weir_scan_plain(text, text + len, class == VALUE ? ' ' : '!') - text);
    for (; i < len; i++)
        all &= classes[(unsigned char)text[i]];
    return all == class;
}

bool weir_is_token(struct weir_slice text)
{
    return text.len > 0 && is_all(text.data, text.len, TOKEN);
}

enum weir_field_id weir_field_identify(struct weir_slice name)
{
    static const struct weir_slice spellings[] = {
#define SPELLING(id, spelling) WEIR_SLICE(spelling),
        WEIR_FIELDS(SPELLING)
#undef SPELLING
    };
    /* The last row of each length that there is. */
    static const uint8_t last_of_len[] = {
        [2] = WEIR_FIELD_TE,
        [3] = WEIR_FIELD_VIA,
        [4] = WEIR_FIELD_HOST,
        [6] = WEIR_FIELD_EXPECT,
        [7] = WEIR_FIELD_UPGRADE,
        [9] = WEIR_FIELD_FORWARDED,
        [10] = WEIR_FIELD_KEEP_ALIVE,
        [12] = WEIR_FIELD_X_FORWARDED_OTHER,
        [14] = WEIR_FIELD_HTTP2_SETTINGS,
        [15] = WEIR_FIELD_X_FORWARDED_FOR,
        [16] = WEIR_FIELD_PROXY_CONNECTION,
        [17] = WEIR_FIELD_TRANSFER_ENCODING,
        [18] = WEIR_FIELD_PROXY_AUTHENTICATE,
        [19] = WEIR_FIELD_PROXY_AUTHORIZATION,
    };
    size_t i = name.len < sizeof(last_of_len) ? last_of_len[name.len] : 0;

    for (; i > 0 && spellings[i].len == name.len; i--) {
        if (((name.data[0] ^ spellings[i].data[0]) & ~0x20) == 0 &&
            weir_slice_is_alike(name, spellings[i]))
            return (enum weir_field_id)i;
    }
    if ((name.data[0] | 0x20) == 'x' && weir_slice_has_prefix_like(name, "X-Forwarded-"))
        return WEIR_FIELD_X_FORWARDED_OTHER;
    return WEIR_FIELD_OTHER;
}

const struct weir_field *weir_head_find(const struct weir_head *head, enum weir_field_id id)
{
    if (!weir_head_has(head, id))
        return NULL;
    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (head->fields[i].id == id)
            return &head->fields[i];
    }
    return NULL;
}

void weir_head_init(struct weir_head *head, enum weir_head_kind kind)
{
    head->kind = kind;
    head->complete = false;
    head->minor = 0;
    head->status = 0;
    head->method = head->target = head->reason = (struct weir_span){0, 0};
    head->start = head->line = head->scanned = head->fields_end = head->end = 0;
    head->n_fields = 0;
    head->kinds = 0;
    head->fields_max = WEIR_FIELDS_INLINE;
    head->fields = head->own;
}

void weir_head_fini(struct weir_head *head)
{
    if (head->fields != head->own)
        free(head->fields);
    head->fields = head->own;
    head->fields_max = WEIR_FIELDS_INLINE;
    head->n_fields = 0;
    head->kinds = 0;
}

/* `HTTP/1.` and a digit. */
static bool read_version(const char *text, uint8_t *minor)
{
    if (memcmp(text, "HTTP/1.", 7) != 0 || text[7] < '0' || text[7] > '9')
        return false;
    *minor = (uint8_t)(text[7] - '0');
    return true;
}

/* method SP request-target SP HTTP-version, each separated by exactly one space. */
static enum weir_error read_request_line(struct weir_head *head, const char *base, uint32_t len)
{
    const char *line = base + head->line, *end = line + len;
    const char *space = memchr(line, ' ', len);
    const char *target = space ? space + 1 : end;
    const char *target_end = target < end ? memchr(target, ' ', (size_t)(end - target)) : NULL;

    if (!space || !weir_is_token(weir_slice_make(line, (size_t)(space - line))) || !target_end ||
        end - target_end != 9 || !read_version(target_end + 1, &head->minor))
        return WEIR_BAD_REQUEST_LINE;
    if (target_end == target || !is_all(target, (size_t)(target_end - target), TARGET))
        return WEIR_BAD_TARGET;
    head->start = head->line;
    head->method = (struct weir_span){head->line, (uint32_t)(space - line)};
    head->target = (struct weir_span){(uint32_t)(target - base), (uint32_t)(target_end - target)};
    return WEIR_OK;
}

/* HTTP-version SP status-code [SP [reason-phrase]]: servers are known to leave the second space
 * out. */
static enum weir_error read_status_line(struct weir_head *head, const char *base, uint32_t len)
{
    const char *line = base + head->line;
    unsigned status = 0;

    if (len < 12 || !read_version(line, &head->minor) || line[8] != ' ' ||
        (len > 12 && line[12] != ' '))
        return WEIR_BAD_RESPONSE;
    for (int i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            return WEIR_BAD_RESPONSE;
        status = status * 10 + (unsigned)(line[i] - '0');
    }
    if (status < 100 || status > 599)
        return WEIR_BAD_RESPONSE;
    head->start = head->line;
    head->status = (uint16_t)status;
    head->reason = (struct weir_span){head->line + (len > 13 ? 13 : len), len > 13 ? len - 13 : 0};
    return is_all(base + head->reason.at, head->reason.len, VALUE) ? WEIR_OK : WEIR_BAD_RESPONSE;
}

static bool make_room(struct weir_head *head, uint32_t fields_max)
{
    uint32_t more = head->fields_max * 2 < fields_max ? head->fields_max * 2 : fields_max;
    struct weir_field *fields = malloc(more * sizeof(*fields));

    if (!fields)
        return false;
    memcpy(fields, head->fields, head->n_fields * sizeof(*fields));
    if (head->fields != head->own)
        free(head->fields);
    head->fields = fields;
    head->fields_max = more;
    return true;
}

/* field-name ":" OWS field-value OWS */
static enum weir_error read_field(struct weir_head *head, const char *base, uint32_t len,
                                  const struct weir_head_limits *limits)
{
    const char *line = base + head->line;
    struct weir_field field = {.at = head->line, .name_len = token_len(line, len)};

    if (head->n_fields >= limits->fields_max)
        return WEIR_TOO_MANY_FIELDS;
    if (head->n_fields >= head->fields_max && !make_room(head, limits->fields_max))
        return WEIR_NO_MEMORY;
    if (field.name_len == 0 || field.name_len == len || line[field.name_len] != ':')
        return WEIR_BAD_FIELD;
    struct weir_slice value = weir_slice_make(line + field.name_len + 1, len - field.name_len - 1);
    if (!is_all(value.data, value.len, VALUE))
        return WEIR_BAD_FIELD;
    value = weir_slice_trim(value);
    field.value_at = (uint32_t)(value.data - base);
    field.value_len = (uint32_t)value.len;
    field.id = weir_field_identify(weir_slice_make(line, field.name_len));
    head->kinds |= 1ull << field.id;
    head->fields[head->n_fields++] = field;
    return WEIR_OK;
}

/* ---- In one pass ---- */

/* Takes the request line that is to be read next, if it lies there whole and nothing is wrong with
 * it: each byte is looked at once. False: it is for read_line to say what it is. */
static bool take_request_line(struct weir_head *head, const char *base, const char *end,
                              const struct weir_head_limits *limits)
{
    const char *line = base + head->line;
    const char *method_end = weir_scan_name(line, end), *target_end;

    if (method_end == line || method_end == end || *method_end != ' ')
        return false;
    target_end = weir_scan_plain(method_end + 1, end, '!');
    if (target_end == method_end + 1 || end - target_end < 11 || *target_end != ' ' ||
        !read_version(target_end + 1, &head->minor) || memcmp(target_end + 9, "\r\n", 2) != 0 ||
        target_end + 11 - base > limits->bytes_max)
        return false;
    head->start = head->line;
    head->method = (struct weir_span){head->line, (uint32_t)(method_end - line)};
    head->target = (struct weir_span){(uint32_t)(method_end + 1 - base),
                                      (uint32_t)(target_end - method_end - 1)};
    head->line = head->scanned = (uint32_t)(target_end + 11 - base);
    return true;
}

/* Where the field value that begins here ends for sure: at its CR LF. NULL: it does not lie whole
 * between here and END, or is not as it should be. */
static const char *find_value_end(const char *text, const char *end)
{
    for (;;) {
        text = weir_scan_plain(text, end, ' ');
        if (end - text < 2)
            return NULL;
        if (*text == '\r')
            return text[1] == '\n' ? text : NULL;
        if ((classes[(unsigned char)*text] & VALUE) == 0)
            return NULL;
        text++;
    }
}

/* The same as take_request_line for a field. */
static bool take_field(struct weir_head *head, const char *base, const char *end,
                       const struct weir_head_limits *limits)
{
    const char *line = base + head->line, *name_end, *value, *line_end, *value_end;

    name_end = weir_scan_name(line, end);
    name_end += token_len(name_end, (uint32_t)(end - name_end));
    if (name_end == line || name_end == end || *name_end != ':' ||
        head->n_fields >= limits->fields_max || head->n_fields >= head->fields_max)
        return false;
    value = name_end + 1;
    line_end = value_end = find_value_end(value, end);
    if (!line_end || line_end + 2 - base > limits->bytes_max)
        return false;
    while (value < value_end && weir_is_blank(*value))
        value++;
    while (value < value_end && weir_is_blank(value_end[-1]))
        value_end--;
    head->fields[head->n_fields] = (struct weir_field){
        .at = head->line,
        .name_len = (uint32_t)(name_end - line),
        .value_at = (uint32_t)(value - base),
        .value_len = (uint32_t)(value_end - value),
        .id = weir_field_identify(weir_slice_make(line, (size_t)(name_end - line))),
    };
    head->kinds |= 1ull << head->fields[head->n_fields++].id;
    head->line = head->scanned = (uint32_t)(line_end + 2 - base);
    return true;
}

/* ---- Line by line ---- */

static bool has_start_line(const struct weir_head *head)
{
    return head->kind == WEIR_HEAD_TRAILERS || head->method.len > 0 || head->status > 0;
}

/* Goes over lines that are as they should be. What comes next may not be one of them. */
static void take_whole_lines(struct weir_head *head, const char *base, const char *end,
                             const struct weir_head_limits *limits)
{
    bool goes_on = end - base >= WEIR_SCAN_BYTES && head->scanned == head->line;

    if (goes_on && !has_start_line(head))
        goes_on = head->kind == WEIR_HEAD_REQUEST && take_request_line(head, base, end, limits);
    while (goes_on)
        goes_on = take_field(head, base, end, limits);
}

/* One line without its CR LF. */
static enum weir_error read_line(struct weir_head *head, const char *base, uint32_t len,
                                 const struct weir_head_limits *limits)
{
    if (!has_start_line(head)) {
        if (head->kind == WEIR_HEAD_RESPONSE)
            return read_status_line(head, base, len);
        /* RFC 9112 section 2.2: an empty line before the request line is passed over. One is what
         * the old clients send that this is for. */
        if (len == 0 && head->line == 0)
            return WEIR_OK;
        return read_request_line(head, base, len);
    }
    if (len > 0)
        return read_field(head, base, len, limits);
    head->fields_end = head->line;
    head->end = head->line + 2;
    head->complete = true;
    return WEIR_OK;
}

/* Can the unfinished line at the end still become a valid one? So that a client of another protocol
 * is told at once and not when the time runs out. */
static bool may_become_line(const struct weir_head *head, const char *base, uint32_t end)
{
    const char *line = base + head->line;
    uint32_t n = end - head->line;
    uint32_t seen = head->scanned - head->line;

    if (!is_all(line + seen, n - seen, VALUE))
        return false;
    if (n == 0 || has_start_line(head))
        return true;
    if (head->kind == WEIR_HEAD_RESPONSE)
        return memcmp(line, "HTTP/1.", n < 7 ? n : 7) == 0;
    return (classes[(unsigned char)line[0]] & TOKEN) != 0;
}

static enum weir_error too_large(const struct weir_head *head)
{
    return has_start_line(head) ? WEIR_HEAD_TOO_LARGE : WEIR_TARGET_TOO_LONG;
}

static enum weir_error bad_line(const struct weir_head *head)
{
    return has_start_line(head) ? WEIR_BAD_FIELD : WEIR_BAD_REQUEST_LINE;
}

static enum weir_error parse(struct weir_head *head, const char *base, uint32_t len,
                             const struct weir_head_limits *limits)
{
    while (!head->complete) {
        take_whole_lines(head, base, base + len, limits);
        const char *lf = memchr(base + head->scanned, '\n', len - head->scanned);
        uint32_t line_end = lf ? (uint32_t)(lf - base) : len;

        if ((lf ? line_end + 1 : len) > limits->bytes_max)
            return too_large(head);
        if (!lf) {
            /* A CR at the end may belong to the line's end: what follows it tells. */
            uint32_t end = len > head->scanned && base[len - 1] == '\r' ? len - 1 : len;
            bool fine = may_become_line(head, base, end);
            head->scanned = end;
            return fine ? WEIR_OK : bad_line(head);
        }
        if (line_end == head->line || base[line_end - 1] != '\r')
            return bad_line(head);
        enum weir_error error = read_line(head, base, line_end - 1 - head->line, limits);
        if (error)
            return error;
        head->line = head->scanned = line_end + 1;
    }
    return WEIR_OK;
}

enum weir_error weir_head_parse(struct weir_head *head, const char *base, size_t len,
                                const struct weir_head_limits *limits)
{
    enum weir_error error;

    WEIR_ASSERT(!head->complete && len <= UINT32_MAX / 2);
    error = parse(head, base, (uint32_t)len, limits);
    if (error && head->kind == WEIR_HEAD_RESPONSE && error != WEIR_NO_MEMORY)
        return WEIR_BAD_RESPONSE;
    return error;
}
