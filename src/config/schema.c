#include "weir/config/schema.h"

#include "weir/base/assert.h"
#include "weir/config/faults.h"
#include "weir/config/suggest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The most that a row without limits of its own takes: a year, 2^50 bytes, a thousand million. */
#define DURATION_MAX (365ull * 24 * 3600 * 1000)
#define SIZE_MAX_BYTES (1ull << 50)
#define NUMBER_MAX 1000000000ull

enum weir_schema_any { WEIR_SCHEMA_ANY };
static_assert(sizeof(enum weir_schema_any) == sizeof(unsigned), "WORD fields are read as unsigned");

const struct weir_schema_row *weir_schema_first(const struct weir_schema_row *section)
{
    if (section == NULL)
        return weir_schema;
    return section[1].name != NULL && section[1].depth == section->depth + 1 ? section + 1 : NULL;
}

const struct weir_schema_row *weir_schema_next(const struct weir_schema_row *row)
{
    unsigned depth = row->depth;

    do
        row++;
    while (row->name != NULL && row->depth > depth);
    return row->name != NULL && row->depth == depth ? row : NULL;
}

const struct weir_schema_row *weir_schema_find(const struct weir_schema_row *first,
                                               const char *name,
                                               const struct weir_schema_row **nearest)
{
    struct weir_suggest suggest;

    for (const struct weir_schema_row *row = first; row != NULL; row = weir_schema_next(row))
        if (strcmp(row->name, name) == 0)
            return row;
    *nearest = NULL;
    weir_suggest_init(&suggest, name);
    for (const struct weir_schema_row *row = first; row != NULL; row = weir_schema_next(row)) {
        weir_suggest_try(&suggest, row->name);
        if (suggest.nearest == row->name)
            *nearest = row;
    }
    return NULL;
}

bool weir_schema_is_value(const struct weir_schema_row *row)
{
    return row->type >= WEIR_SCHEMA_DURATION && row->type <= WEIR_SCHEMA_WORD;
}

bool weir_schema_is_text(const struct weir_schema_row *row)
{
    return row->type >= WEIR_SCHEMA_TEXT && row->type <= WEIR_SCHEMA_ADDRESS;
}

static bool is_no(const char *text)
{
    return strcasecmp(text, "off") == 0 || strcasecmp(text, "false") == 0 ||
           strcasecmp(text, "no") == 0;
}

static bool is_yes(const char *text)
{
    return strcasecmp(text, "on") == 0 || strcasecmp(text, "true") == 0 ||
           strcasecmp(text, "yes") == 0;
}

/* YAML tools write `off` as `false` when they write a file anew. */
static bool is_same_word(const char *word, const char *text)
{
    return strcmp(word, text) == 0 || (strcmp(word, "off") == 0 && is_no(text)) ||
           (strcmp(word, "on") == 0 && is_yes(text));
}

bool weir_schema_is_zero_word(const struct weir_schema_row *row, const char *text)
{
    return row->zero != NULL && is_same_word(row->zero, text);
}

static uint64_t max_of(const struct weir_schema_row *row)
{
    if (row->max > 0)
        return row->max;
    if (row->type == WEIR_SCHEMA_DURATION)
        return DURATION_MAX;
    return row->type == WEIR_SCHEMA_SIZE ? SIZE_MAX_BYTES : NUMBER_MAX;
}

static bool is_zero_off(const struct weir_schema_row *row)
{
    return row->zero != NULL && strcmp(row->zero, "off") == 0;
}

/* "1KiB to 1MiB", "1 to 256 or `auto`". */
static struct weir_why describe_range(const struct weir_schema_row *row)
{
    struct weir_why range = {.text = ""};
    char min[WEIR_UNITS_TEXT_MAX], max[WEIR_UNITS_TEXT_MAX];
    bool has_word = row->zero != NULL;

    weir_schema_format(row, row->min == 0 && has_word ? 1 : row->min, min);
    weir_schema_format(row, max_of(row), max);
    weir_why_set(&range, "%s to %s%s%s%s", min, max, has_word ? " or `" : "",
                 has_word ? row->zero : "", has_word ? "`" : "");
    return range;
}

static bool check_range(const struct weir_schema_row *row, uint64_t value, struct weir_why *why)
{
    bool is_small = value < row->min && !(value == 0 && is_zero_off(row));

    if (!is_small && value <= max_of(row))
        return true;
    return weir_why_set(why, "is too %s; write %s", is_small ? "small" : "large",
                        describe_range(row).text);
}

/* "`reset` or `fin`": the words that may be written. */
static struct weir_why list_words(const struct weir_schema_word *words)
{
    struct weir_why list = {.text = ""};

    for (const struct weir_schema_word *word = words; word->name != NULL; word++)
        weir_why_append(&list, "%s`%s`", list.text[0] == '\0' ? "" : ", ", word->name);
    return list;
}

static bool read_word(const struct weir_schema_row *row, const char *text, uint64_t *value,
                      struct weir_why *why)
{
    struct weir_suggest suggest;

    for (const struct weir_schema_word *word = row->words; word->name != NULL; word++) {
        if (!is_same_word(word->name, text))
            continue;
        *value = word->value;
        return true;
    }
    weir_suggest_init(&suggest, text);
    for (const struct weir_schema_word *word = row->words; word->name != NULL; word++)
        weir_suggest_try(&suggest, word->name);
    if (suggest.nearest != NULL)
        return weir_why_set(why, "is unknown; did you mean `%s`?", suggest.nearest);
    return weir_why_set(why, "is unknown; write one of %s", list_words(row->words).text);
}

static bool read_quantity(const struct weir_schema_row *row, const char *text, uint64_t *value,
                          struct weir_why *why)
{
    switch (row->type) {
    case WEIR_SCHEMA_DURATION:
        return weir_units_read_duration(text, value, why);
    case WEIR_SCHEMA_SIZE:
        return weir_units_read_size(text, value, why);
    case WEIR_SCHEMA_MODE:
        return weir_units_read_mode(text, value, why);
    case WEIR_SCHEMA_PERCENT:
        return weir_units_read_percent(text, value, why);
    default:
        return weir_units_read_number(text, value, why);
    }
}

/* What would be right, where the reader of units could not know it. */
static void add_hint(const struct weir_schema_row *row, const char *text, struct weir_why *why)
{
    struct weir_suggest suggest;

    weir_suggest_init(&suggest, text);
    if (row->zero != NULL)
        weir_suggest_try(&suggest, row->zero);
    if (suggest.nearest != NULL)
        weir_why_set(why, "is unknown; did you mean `%s`?", suggest.nearest);
    else if (strchr(why->text, ';') == NULL)
        weir_why_append(why, "; write %s", describe_range(row).text);
}

bool weir_schema_read(const struct weir_schema_row *row, const char *text, uint64_t *value,
                      struct weir_why *why)
{
    *value = 0;
    if (row->type == WEIR_SCHEMA_BOOL)
        return weir_units_read_bool(text, value, why);
    if (row->type == WEIR_SCHEMA_WORD)
        return read_word(row, text, value, why);
    if (weir_schema_is_zero_word(row, text))
        return true;
    if (is_no(text))
        return weir_why_set(why, "is not possible here; write %s", describe_range(row).text);
    if (read_quantity(row, text, value, why))
        return check_range(row, *value, why);
    add_hint(row, text, why);
    return false;
}

static const char *word_of(const struct weir_schema_row *row, uint64_t value)
{
    const struct weir_schema_word *word = row->words;

    WEIR_ASSERT(word != NULL);
    for (; word->name != NULL; word++)
        if (word->value == value)
            return word->name;
    WEIR_ASSERT(!"a value that none of the words stands for");
    return "";
}

/* For the types that are written as words, NULL for the others. */
static const char *describe_word(const struct weir_schema_row *row, uint64_t value)
{
    if (row->type == WEIR_SCHEMA_BOOL)
        return value != 0 ? "true" : "false";
    if (row->type == WEIR_SCHEMA_WORD)
        return word_of(row, value);
    return value == 0 && row->zero != NULL && !is_zero_off(row) ? row->zero : NULL;
}

char *weir_schema_format(const struct weir_schema_row *row, uint64_t value, char *text)
{
    const char *word = describe_word(row, value);

    if (row->type == WEIR_SCHEMA_DURATION)
        return weir_units_format_duration(value, text);
    if (row->type == WEIR_SCHEMA_SIZE)
        return weir_units_format_size(value, text);
    if (row->type == WEIR_SCHEMA_MODE)
        return weir_units_format_mode(value, text);
    if (word != NULL)
        snprintf(text, WEIR_UNITS_TEXT_MAX, "%s", word);
    else
        snprintf(text, WEIR_UNITS_TEXT_MAX, "%llu%s", (unsigned long long)value,
                 row->type == WEIR_SCHEMA_PERCENT ? "%" : "");
    return text;
}

void *weir_schema_field(void *base, size_t offset)
{
    return (char *)base + offset;
}

const void *weir_schema_const_field(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

void weir_schema_put(const struct weir_schema_row *row, void *base, uint64_t value)
{
    void *field = weir_schema_field(base, row->offset);

    if (row->type == WEIR_SCHEMA_BOOL)
        *(bool *)field = value != 0;
    else if (row->type == WEIR_SCHEMA_WORD)
        *(unsigned *)field = (unsigned)value;
    else
        *(uint64_t *)field = value;
}

uint64_t weir_schema_get(const struct weir_schema_row *row, const void *base)
{
    const void *field = weir_schema_const_field(base, row->offset);

    if (row->type == WEIR_SCHEMA_BOOL)
        return *(const bool *)field;
    if (row->type == WEIR_SCHEMA_WORD)
        return *(const unsigned *)field;
    return *(const uint64_t *)field;
}

static const char *const names[] = {
    [WEIR_SCHEMA_SECTION] = "a mapping",
    [WEIR_SCHEMA_NAMED] = "a mapping of names",
    [WEIR_SCHEMA_SECTIONS] = "a list of mappings",
    [WEIR_SCHEMA_DURATION] = "a duration",
    [WEIR_SCHEMA_SIZE] = "a size",
    [WEIR_SCHEMA_NUMBER] = "a number",
    [WEIR_SCHEMA_PERCENT] = "a percentage",
    [WEIR_SCHEMA_MODE] = "a mode",
    [WEIR_SCHEMA_BOOL] = "true or false",
    [WEIR_SCHEMA_WORD] = "a word",
    [WEIR_SCHEMA_TEXT] = "a text",
    [WEIR_SCHEMA_TARGET] = "a word or a path",
    [WEIR_SCHEMA_FILE] = "a path",
    [WEIR_SCHEMA_HOST] = "a host name",
    [WEIR_SCHEMA_SERVER_NAME] = "a host name or an IP address",
    [WEIR_SCHEMA_PREFIX] = "a path",
    [WEIR_SCHEMA_ORIGIN] = "a path",
    [WEIR_SCHEMA_AUTHORITY] = "a host",
    [WEIR_SCHEMA_STATUSES] = "a range of statuses",
    [WEIR_SCHEMA_POOL] = "a pool's name",
    [WEIR_SCHEMA_ADDRESS] = "an address",
    [WEIR_SCHEMA_ADDRESSES] = "a list of addresses",
    [WEIR_SCHEMA_NETWORKS] = "a list of addresses",
    [WEIR_SCHEMA_SOURCES] = "a list of IP addresses",
    [WEIR_SCHEMA_REMOVALS] = "a list of names",
    [WEIR_SCHEMA_LINES] = "a mapping of names to values",
};

const char *weir_schema_describe(const struct weir_schema_row *row)
{
    return names[row->type];
}

static struct weir_why describe_words(const struct weir_schema_row *row)
{
    struct weir_why words = {.text = ""};

    for (const struct weir_schema_word *word = row->words; word->name != NULL; word++)
        weir_why_append(&words, "%s`%s`", word == row->words ? "" : ", ", word->name);
    if (row->type == WEIR_SCHEMA_TARGET)
        weir_why_append(&words, " or a path");
    return words;
}

struct weir_why weir_schema_describe_values(const struct weir_schema_row *row)
{
    struct weir_why values = {.text = ""};
    const char *name = weir_schema_describe(row);

    if (row->words != NULL)
        return describe_words(row);
    if (strncmp(name, "a ", 2) == 0 || strncmp(name, "an ", 3) == 0)
        name = strchr(name, ' ') + 1;
    weir_why_append(&values, "%s", name);
    if (row->max > 0)
        weir_why_append(&values, ", %s", describe_range(row).text);
    else if (row->zero != NULL)
        weir_why_append(&values, " or `%s`", row->zero);
    return values;
}
