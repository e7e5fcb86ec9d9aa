/* The table of parameters. */
#include "origin_mood.h"

#include "origin_bad.h"

#include <inttypes.h>
#include <string.h>

enum { VALUE_MAX = 8192, HELP_COLUMN = 34 };

struct parameter;

/* Reads VALUE, decoded and terminated by NUL. Fails: false. */
typedef bool read_fn(struct origin_mood *mood, const struct parameter *row, const char *value,
                     size_t len);

struct parameter {
    const char *name;
    const char *takes; /* for the help */
    read_fn *read;
    size_t offset;              /* of the field, where the reader wants one */
    const char *const *choices; /* of read_choice, ended by null; the index is the value */
    const char *help;
};

static const char *const yes_no[] = {"0", "1", NULL};
static const char *const framings[] = {"length", "chunked", "close", NULL};
static const char *const versions[] = {"1.1", "1.0", NULL};
static const char *const connections[] = {"usual", "keep", "close", NULL};
static const char *const announcements[] = {"needed", "0", "1", NULL};
static const char *const fails[] = {
    [ORIGIN_FAIL_NONE] = "none",
    [ORIGIN_CLOSE_BEFORE_ANSWER] = "close_before_answer",
    [ORIGIN_RESET_BEFORE_ANSWER] = "reset_before_answer",
    [ORIGIN_CLOSE_IN_HEAD] = "close_in_head",
    [ORIGIN_CLOSE_IN_BODY] = "close_in_body",
    [ORIGIN_RESET_IN_BODY] = "reset_in_body",
    [ORIGIN_CLOSE_AFTER_ANSWER_UNANNOUNCED] = "close_after_answer_unannounced",
    [ORIGIN_RESET_AFTER_ANSWER] = "reset_after_answer",
    [ORIGIN_CLOSE_ON_NEXT_REQUEST] = "close_on_next_request",
    [ORIGIN_TALK_WHEN_IDLE] = "talk_when_idle",
    [ORIGIN_EXTRA_BYTES] = "extra_bytes",
    NULL,
};

/* Reads the digits at the start. Returns what follows them, null when there are none or too many.
 */
static const char *read_digits(const char *text, uint64_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 18)
        return NULL;
    *number = 0;
    for (size_t i = 0; i < digits; i++)
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    return text + digits;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* A number and one of UNITS, ended by a null name. */
static bool read_with_unit(const struct unit *units, const char *value, uint64_t *result)
{
    uint64_t number;
    const char *rest = read_digits(value, &number);
    if (!rest)
        return false;
    for (const struct unit *unit = units; unit->name; unit++) {
        if (strcmp(rest, unit->name) != 0 && !(number == 0 && !*rest))
            continue;
        *result = number * unit->factor;
        return number <= UINT64_MAX / 2 / unit->factor;
    }
    return false;
}

static uint64_t *number_field(struct origin_mood *mood, const struct parameter *row)
{
    return (uint64_t *)(void *)((char *)mood + row->offset);
}

static bool read_size(struct origin_mood *mood, const struct parameter *row, const char *value,
                      size_t len)
{
    static const struct unit units[] = {
        {"", 1},     {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30},
        {"k", 1000}, {"kB", 1000},        {"MB", 1000000},     {"GB", 1000000000},
        {NULL, 0}};
    (void)len;
    if (!read_with_unit(units, value, number_field(mood, row)))
        return false;
    if (row->offset == offsetof(struct origin_mood, size)) {
        mood->has_size = true;
        mood->body.is_set = false;
    }
    return mood->chunk_bytes > 0;
}

static bool read_duration(struct origin_mood *mood, const struct parameter *row, const char *value,
                          size_t len)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    (void)len;
    return read_with_unit(units, value, number_field(mood, row));
}

static bool read_number(struct origin_mood *mood, const struct parameter *row, const char *value,
                        size_t len)
{
    const char *rest = read_digits(value, number_field(mood, row));
    (void)len;
    return rest && !*rest;
}

static bool read_status(struct origin_mood *mood, const struct parameter *row, const char *value,
                        size_t len)
{
    return read_number(mood, row, value, len) && mood->status >= 100 && mood->status <= 999;
}

static bool read_choice(struct origin_mood *mood, const struct parameter *row, const char *value,
                        size_t len)
{
    (void)len;
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], value) == 0) {
            *(int *)(void *)((char *)mood + row->offset) = i;
            return true;
        }
    }
    return false;
}

static bool read_flag(struct origin_mood *mood, const struct parameter *row, const char *value,
                      size_t len)
{
    bool *field = (bool *)((char *)mood + row->offset);
    *field = value[0] == '1';
    return len == 1 && (value[0] == '0' || value[0] == '1');
}

static bool read_bad(struct origin_mood *mood, const struct parameter *row, const char *value,
                     size_t len)
{
    (void)row, (void)len;
    mood->bad = origin_bad_find(value);
    return mood->bad >= 0;
}

static bool read_interim(struct origin_mood *mood, const struct parameter *row, const char *value,
                         size_t len)
{
    static const char *const names[] = {"100", "102", "103", NULL};
    (void)row, (void)len;
    if (mood->interim_count == ORIGIN_INTERIMS_MAX)
        return false;
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], value) == 0) {
            static const int codes[] = {100, 102, 103};
            mood->interims[mood->interim_count++] = codes[i];
            return true;
        }
    }
    return false;
}

/* Puts VALUE into TO, whole or not at all. */
static bool set_text(struct origin_text *text, char *to, size_t size, const char *value, size_t len)
{
    if (len > size)
        return false;
    memcpy(to, value, len);
    text->len = len;
    text->is_set = true;
    return true;
}

static bool read_body(struct origin_mood *mood, const struct parameter *row, const char *value,
                      size_t len)
{
    (void)row;
    mood->has_size = false;
    return set_text(&mood->body, mood->body_text, sizeof(mood->body_text), value, len);
}

static bool read_reason(struct origin_mood *mood, const struct parameter *row, const char *value,
                        size_t len)
{
    (void)row;
    return set_text(&mood->reason, mood->reason_text, sizeof(mood->reason_text), value, len);
}

/* Appends "Name: value\r\n" for "Name:value". */
static bool add_field(struct origin_text *text, char *to, size_t size, const char *value,
                      size_t len)
{
    const char *colon = memchr(value, ':', len);
    if (!colon || size - text->len < len + 3)
        return false;
    size_t name_len = (size_t)(colon - value);
    char *end = to + text->len;
    memcpy(end, value, name_len);
    memcpy(end + name_len, ": ", 2);
    memcpy(end + name_len + 2, colon + 1, len - name_len - 1);
    memcpy(end + len + 1, "\r\n", 2);
    text->len += len + 3;
    text->is_set = true;
    return true;
}

static bool read_header(struct origin_mood *mood, const struct parameter *row, const char *value,
                        size_t len)
{
    (void)row;
    return add_field(&mood->headers, mood->headers_text, sizeof(mood->headers_text), value, len);
}

static bool read_trailer(struct origin_mood *mood, const struct parameter *row, const char *value,
                         size_t len)
{
    (void)row;
    return add_field(&mood->trailers, mood->trailers_text, sizeof(mood->trailers_text), value, len);
}

/* Ignored: lets a caller make its targets differ. */
static bool read_nothing(struct origin_mood *mood, const struct parameter *row, const char *value,
                         size_t len)
{
    (void)mood, (void)row, (void)value, (void)len;
    return true;
}

#define FIELD(name) offsetof(struct origin_mood, name)

static const struct parameter parameters[] = {
    {"size", "N[KiB|MiB|GiB]", read_size, FIELD(size), NULL, "a body of N bytes of the pattern"},
    {"seed", "N", read_number, FIELD(seed), NULL, "the pattern begins at its byte N"},
    {"body", "TEXT", read_body, 0, NULL, "this very body"},
    {"echo", "0|1", read_flag, FIELD(echo), NULL, "the request's own body, streamed back"},
    {"dump", "0|1", read_flag, FIELD(dump), NULL, "the body is the request's head as received"},
    {"framing", "length|chunked|close", read_choice, FIELD(framing), framings,
     "how the body's end is marked"},
    {"chunk", "N[KiB|...]", read_size, FIELD(chunk_bytes), NULL,
     "bytes in a chunk, or in a piece between pauses (16KiB)"},
    {"trailer", "NAME:VALUE", read_trailer, 0, NULL, "a trailer of a chunked body; repeatable"},
    {"version", "1.1|1.0", read_choice, FIELD(version), versions,
     "of the answer; 1.0 closes unless connection=keep"},
    {"connection", "usual|keep|close", read_choice, FIELD(connection), connections,
     "after the answer"},
    {"announce", "needed|0|1", read_choice, FIELD(announce), announcements,
     "Connection and Keep-Alive: where needed, never, always"},
    {"keepalive_timeout", "DUR", read_duration, FIELD(keepalive_timeout_ms), NULL,
     "closes a connection idle for so long"},
    {"keepalive_requests", "N", read_number, FIELD(keepalive_requests), NULL,
     "closes after the N-th answer on a connection"},
    {"delay", "DUR", read_duration, FIELD(delay_ms), NULL, "pause before the answer"},
    {"head_delay", "DUR", read_duration, FIELD(head_delay_ms), NULL,
     "pause in the middle of the head"},
    {"body_delay", "DUR", read_duration, FIELD(body_delay_ms), NULL, "pause between head and body"},
    {"drip", "DUR", read_duration, FIELD(drip_ms), NULL, "pause between pieces of the body"},
    {"status", "N", read_status, FIELD(status), NULL, "status code (200)"},
    {"reason", "TEXT", read_reason, 0, NULL, "reason phrase"},
    {"header", "NAME:VALUE", read_header, 0, NULL, "one more field; repeatable"},
    {"interim", "100|102|103", read_interim, 0, NULL, "sends this 1xx first; repeatable"},
    {"continue", "0|1", read_choice, FIELD(continues), yes_no,
     "answers Expect: 100-continue with 100 (1)"},
    {"early", "0|1", read_choice, FIELD(early), yes_no, "answers before it reads the body"},
    {"linger", "0|1", read_choice, FIELD(lingers), yes_no,
     "reads what is left of a body before it closes (1)"},
    {"half_close", "0|1", read_choice, FIELD(half_close), yes_no,
     "a FIN of the peer before the answer is out is no giving up"},
    {"fail", "NAME", read_choice, FIELD(fail), fails, "fails in one of the ways below"},
    {"talk_delay", "DUR", read_duration, FIELD(talk_delay_ms), NULL,
     "of fail=talk_when_idle (10ms)"},
    {"bad", "NAME", read_bad, 0, NULL, "a malformed answer, one of those below"},
    {"id", "TEXT", read_nothing, 0, NULL, "ignored"},
    {"n", "TEXT", read_nothing, 0, NULL, "ignored"},
};

enum { PARAMETERS = sizeof(parameters) / sizeof(parameters[0]) };

static const struct {
    int fail;
    const char *help;
} fail_helps[] = {
    {ORIGIN_CLOSE_BEFORE_ANSWER, "reads the request, closes without a byte"},
    {ORIGIN_RESET_BEFORE_ANSWER, "the same with a reset"},
    {ORIGIN_CLOSE_IN_HEAD, "closes after half the head"},
    {ORIGIN_CLOSE_IN_BODY, "closes after half the body"},
    {ORIGIN_RESET_IN_BODY, "resets after half the body, once the peer has it"},
    {ORIGIN_CLOSE_AFTER_ANSWER_UNANNOUNCED, "a complete answer that says nothing, then closes"},
    {ORIGIN_RESET_AFTER_ANSWER, "the same with a reset, once the peer has the answer"},
    {ORIGIN_CLOSE_ON_NEXT_REQUEST, "closes when the next request's bytes arrive, unread"},
    {ORIGIN_TALK_WHEN_IDLE, "sends another answer that nobody asked for, talk_delay later"},
    {ORIGIN_EXTRA_BYTES, "sends that with the body, in one write"},
};

void origin_mood_init(struct origin_mood *mood)
{
    memset(mood, 0, sizeof(*mood));
    mood->chunk_bytes = 16 * 1024;
    mood->status = 200;
    mood->talk_delay_ms = 10;
    mood->lingers = 1;
    mood->continues = 1;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Decodes %XX and '+'. Returns the length; the result is terminated by NUL. */
static size_t decode(const char *from, size_t len, char *to)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = from[i] == '+' ? ' ' : from[i];
        if (c == '%' && i + 2 < len && hex_digit(from[i + 1]) >= 0 && hex_digit(from[i + 2]) >= 0) {
            c = (char)(hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]));
            i += 2;
        }
        to[out++] = c;
    }
    to[out] = '\0';
    return out;
}

/* Applies one "name=value". */
static int apply_one(struct origin_mood *mood, const char *item, size_t len, char *wrong,
                     size_t wrong_size)
{
    char value[VALUE_MAX + 1];
    const char *equals = memchr(item, '=', len);
    size_t name_len = equals ? (size_t)(equals - item) : len;
    const char *from = equals ? equals + 1 : "1";
    size_t from_len = equals ? len - name_len - 1 : 1;
    if (from_len > VALUE_MAX) {
        snprintf(wrong, wrong_size, "the value of %.*s is too long", (int)name_len, item);
        return -1;
    }
    size_t value_len = decode(from, from_len, value);
    for (size_t i = 0; i < PARAMETERS; i++) {
        const struct parameter *row = &parameters[i];
        if (strlen(row->name) != name_len || memcmp(row->name, item, name_len) != 0)
            continue;
        if (row->read(mood, row, value, value_len))
            return 0;
        snprintf(wrong, wrong_size, "%s=%.100s: should be %s", row->name, value, row->takes);
        return -1;
    }
    snprintf(wrong, wrong_size, "no parameter is called \"%.*s\"",
             name_len < 100 ? (int)name_len : 100, item);
    return -1;
}

int origin_mood_apply(struct origin_mood *mood, const char *query, size_t len, char *wrong,
                      size_t wrong_size)
{
    const char *end = query + len;
    while (query < end) {
        const char *amp = memchr(query, '&', (size_t)(end - query));
        size_t item_len = (size_t)((amp ? amp : end) - query);
        if (item_len && apply_one(mood, query, item_len, wrong, wrong_size) != 0)
            return -1;
        query += item_len + (amp ? 1 : 0);
    }
    return 0;
}

void origin_mood_help(FILE *file)
{
    fprintf(file, "Parameters, of a request's query or of --default (DUR: 500ms, 2s, 1m):\n");
    for (size_t i = 0; i < PARAMETERS; i++) {
        int width = fprintf(file, "  %s=%s", parameters[i].name, parameters[i].takes);
        fprintf(file, "%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "",
                parameters[i].help);
    }
    fprintf(file, "Ways to fail:\n");
    for (size_t i = 0; i < sizeof(fail_helps) / sizeof(fail_helps[0]); i++)
        fprintf(file, "  %-32s%s\n", fails[fail_helps[i].fail], fail_helps[i].help);
    fprintf(file, "Malformed answers:\n");
    origin_bad_help(file);
}
