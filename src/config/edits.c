#include "weir/config/edits.h"

#include "weir/config/expand.h"
#include "weir/config/suggest.h"
#include "weir/http/head.h"

#include <stdio.h>
#include <string.h>

enum { NAME_LEN_MAX = 256, VALUE_LEN_MAX = 4096, PARTS_MAX = 64 };

#define OPEN "${"
#define ESCAPED_OPEN "$${"

static const char *const variables[WEIR_VARIABLE_COUNT] = {
#define NAME(name, meaning) #name,
    WEIR_VARIABLES(NAME)
#undef NAME
};

bool weir_edits_use(const struct weir_edits *edits, enum weir_variable variable)
{
    for (size_t i = 0; i < edits->n_set + edits->n_add; i++) {
        const struct weir_edit *edit = i < edits->n_set ? &edits->set[i]
                                                        : &edits->add[i - edits->n_set];
        for (size_t k = 0; k < edit->n_parts; k++) {
            if (!edit->parts[k].text.data && edit->parts[k].variable == variable)
                return true;
        }
    }
    return false;
}

/* ---- Names ---- */

/* Why fields of this kind are not for edits; NULL: they are. */
static const char *find_objection(enum weir_field_id id)
{
    switch (id) {
    case WEIR_FIELD_CONTENT_LENGTH:
    case WEIR_FIELD_TRANSFER_ENCODING:
    case WEIR_FIELD_TRAILER:
        return "frames the body, which is for weir alone to say";
    case WEIR_FIELD_CONNECTION:
    case WEIR_FIELD_KEEP_ALIVE:
    case WEIR_FIELD_PROXY_CONNECTION:
    case WEIR_FIELD_PROXY_AUTHENTICATE:
    case WEIR_FIELD_PROXY_AUTHORIZATION:
    case WEIR_FIELD_TE:
    case WEIR_FIELD_UPGRADE:
    case WEIR_FIELD_HTTP2_SETTINGS:
        return "is about one connection, not about the message (RFC 9110 section 7.6.1)";
    case WEIR_FIELD_EXPECT:
        return "decides when the body is sent, which weir must know";
    case WEIR_FIELD_IDEMPOTENCY_KEY:
        return "lets a request be sent again, which a server must be able to tell";
    default:
        return NULL;
    }
}

/* What is behind a gateway to CGI, WSGI or PHP can't tell `_` from `-`. */
static char plain_letter(char c)
{
    return c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool weir_edit_name_has(const char *pattern, struct weir_slice name)
{
    size_t len = strlen(pattern);
    bool is_open = len > 0 && pattern[len - 1] == '*';

    len -= is_open;
    if (is_open ? name.len < len : name.len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (plain_letter(pattern[i]) != plain_letter(name.data[i]))
            return false;
    }
    return true;
}

/* The first known field that PATTERN takes in and that is not for edits. */
static const char *find_objection_in(const char *pattern)
{
    static const char *const names[] = {
#define NAME(name, spelling) spelling,
        WEIR_FIELDS(NAME)
#undef NAME
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct weir_slice name = weir_slice_from(names[i]);
        const char *objection = find_objection(weir_field_identify(name));
        if (objection && weir_edit_name_has(pattern, name))
            return objection;
    }
    return NULL;
}

static bool check_name(const char *name, struct weir_why *why)
{
    struct weir_slice slice = weir_slice_from(name);
    const char *objection = find_objection_in(name);

    if (!weir_is_token(slice) || slice.len > NAME_LEN_MAX)
        return weir_why_set(why,
                            "is no field name; write letters, digits and `-`, up to %d of "
                            "them",
                            (int)NAME_LEN_MAX);
    if (objection)
        return weir_why_set(why, "can't be edited: it %s; remove the line", objection);
    return true;
}

static bool is_request_host(const char *name, enum weir_edit_side side)
{
    return side == WEIR_EDIT_REQUEST && weir_edit_name_has(name, weir_slice_from("Host"));
}

bool weir_edits_check_removal(const char *name, enum weir_edit_side side, struct weir_why *why)
{
    if (!check_name(name, why))
        return false;
    return !is_request_host(name, side) ||
           weir_why_set(why, "can't be removed: every request has one; use `set`");
}

/* ---- Values ---- */

struct reader {
    struct weir_arena *arena;
    struct weir_edit *edit;
    struct weir_why *why;
    char text[VALUE_LEN_MAX + NAME_LEN_MAX + 8]; /* the part that is being read */
    size_t text_len;
    char source[2 * VALUE_LEN_MAX]; /* the value as it can be written again */
    size_t source_len;
    struct weir_edit_part parts[PARTS_MAX];
    size_t n_parts;
    bool has_text;
};

static bool is_too_long(struct reader *reader)
{
    return !weir_why_set(reader->why, "is longer than %d bytes, or has more than %d variables",
                         (int)VALUE_LEN_MAX, (int)PARTS_MAX / 2 - 1);
}

static bool put_source(struct reader *reader, const char *text, size_t len)
{
    if (len >= sizeof(reader->source) - reader->source_len)
        return !is_too_long(reader);
    memcpy(reader->source + reader->source_len, text, len);
    reader->source_len += len;
    return true;
}

/* Bytes that stand for themselves. */
static bool put_text(struct reader *reader, const char *text, size_t len)
{
    if (len > VALUE_LEN_MAX - (reader->text_len < VALUE_LEN_MAX ? reader->text_len : VALUE_LEN_MAX))
        return !is_too_long(reader);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_open = c == '$' && i + 1 < len && text[i + 1] == '{';
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return weir_why_set(reader->why, "holds a control character, which could end the "
                                             "line; remove it");
        if (!put_source(reader, is_open ? "$$" : (const char *)&text[i], is_open ? 2 : 1))
            return false;
        reader->text[reader->text_len++] = (char)c;
    }
    reader->has_text |= len > 0;
    return true;
}

/* What has been read of the text becomes a part. */
static bool end_text(struct reader *reader)
{
    char *copy;

    if (reader->text_len == 0)
        return true;
    if (reader->n_parts == PARTS_MAX)
        return !is_too_long(reader);
    copy = weir_arena_copy(reader->arena, weir_slice_make(reader->text, reader->text_len));
    reader->parts[reader->n_parts++].text = weir_slice_make(copy, reader->text_len);
    reader->text_len = 0;
    return copy != NULL;
}

/* Variables are in lower case, the environment's names have upper case somewhere. */
static bool is_lower_case(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!(name[i] >= 'a' && name[i] <= 'z') && name[i] != '_')
            return false;
    }
    return len > 0;
}

static bool put_variable(struct reader *reader, const char *name, size_t len)
{
    char text[WEIR_SUGGEST_WORD_MAX + 1];
    struct weir_suggest suggest;

    snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1), name);
    weir_suggest_init(&suggest, text);
    for (int i = 0; i < WEIR_VARIABLE_COUNT; i++) {
        weir_suggest_try(&suggest, variables[i]);
        if (strcmp(variables[i], text) != 0)
            continue;
        if (!end_text(reader))
            return false;
        if (reader->n_parts == PARTS_MAX)
            return !is_too_long(reader);
        reader->parts[reader->n_parts++] = (struct weir_edit_part){
            .variable = (enum weir_variable)i};
        return put_source(reader, OPEN, strlen(OPEN)) && put_source(reader, name, len + 1);
    }
    if (suggest.nearest)
        return weir_why_set(reader->why, "has an unknown variable; did you mean `${%s}`?",
                            suggest.nearest);
    weir_why_set(reader->why, "has an unknown variable; there are");
    for (int i = 0; i < WEIR_VARIABLE_COUNT; i++)
        weir_why_append(reader->why, "%s `${%s}`", i == 0 ? "" : ",", variables[i]);
    return false;
}

/* `${…` at TEXT. Returns what follows it, or NULL. */
static const char *put_reference(struct reader *reader, const char *text)
{
    const char *name = text + strlen(OPEN), *end = strchr(name, '}'), *value;
    char *reference;

    if (end && is_lower_case(name, (size_t)(end - name)))
        return put_variable(reader, name, (size_t)(end - name)) ? end + 1 : NULL;
    reference = weir_arena_copy(reader->arena, end ? weir_slice_make(text, (size_t)(end + 1 - text))
                                                   : weir_slice_from(text));
    if (!reference || !weir_expand_text(reader->arena, reference, &value, reader->why) ||
        !put_text(reader, value, strlen(value)))
        return NULL;
    return end ? end + 1 : text + strlen(text);
}

static bool read_value(struct reader *reader, const char *text)
{
    while (text && *text) {
        if (strncmp(text, ESCAPED_OPEN, strlen(ESCAPED_OPEN)) == 0)
            text = put_text(reader, OPEN, strlen(OPEN)) ? text + strlen(ESCAPED_OPEN) : NULL;
        else if (strncmp(text, OPEN, strlen(OPEN)) == 0)
            text = put_reference(reader, text);
        else
            text = put_text(reader, text, 1) ? text + 1 : NULL;
    }
    return text != NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A Host is one, and is one that a request could have. */
static bool check_host(const struct reader *reader, bool is_added)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
                               ":[]";
    const char *value = reader->source;

    if (is_added)
        return weir_why_set(reader->why, "can't be added: a request has one Host; use `set`");
    if (reader->source_len > 0 && value[strspn(value, good)] == '\0')
        return true;
    return weir_why_set(reader->why, "is no host; write one like www.example.com or "
                                     "www.example.com:8080, without variables");
}

/* The name joins the first part, the line's end the last. */
static bool read_parts(struct reader *reader, const char *name, const char *value)
{
    int len = snprintf(reader->text, NAME_LEN_MAX + 8, "%s: ", name);

    reader->text_len = (size_t)len;
    if (!read_value(reader, value))
        return false;
    memcpy(reader->text + reader->text_len, "\r\n", 2);
    reader->text_len += 2;
    reader->source[reader->source_len] = '\0';
    return end_text(reader);
}

bool weir_edits_read_line(struct weir_arena *arena, const char *name, const char *value,
                          enum weir_edit_side side, bool is_added, struct weir_edit *edit,
                          struct weir_why *why)
{
    struct reader reader = {.arena = arena, .edit = edit, .why = why};
    size_t len = strlen(value);

    why->text[0] = '\0';
    if (!check_name(name, why))
        return false;
    if (strchr(name, '*'))
        return weir_why_set(why, "has a `*` in its name, which only stands under `remove`");
    if (len > 0 && (is_blank(value[0]) || is_blank(value[len - 1])))
        return weir_why_set(why, "begins or ends with a blank, which no field value does; "
                                 "remove it");
    if (!read_parts(&reader, name, value) ||
        (is_request_host(name, side) && !check_host(&reader, is_added)))
        return false;
    edit->name = weir_arena_copy(arena, weir_slice_from(name));
    edit->value = weir_arena_copy(arena, weir_slice_make(reader.source, reader.source_len));
    edit->parts = weir_arena_take(arena, reader.n_parts, sizeof(*edit->parts));
    if (!edit->name || !edit->value || !edit->parts)
        return false;
    memcpy(edit->parts, reader.parts, reader.n_parts * sizeof(*edit->parts));
    edit->n_parts = reader.n_parts;
    edit->has_text = reader.has_text;
    return true;
}
