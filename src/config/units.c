#include "weir/config/units.h"

#include "weir/config/faults.h"
#include "weir/config/suggest.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* So many digits behind the point are looked at; a factor of 1 GiB leaves room for them. */
#define FRACTION_DIGITS_MAX 9

struct unit {
    const char *name;
    uint64_t factor;
};

/* From the largest to the one that divides every value. */
static const struct unit duration_units[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {{"GiB", 1u << 30}, {"GB", 1000000000}, {"MiB", 1u << 20},
                                         {"MB", 1000000},   {"KiB", 1u << 10},  {"KB", 1000},
                                         {"B", 1},          {NULL, 0}};

/* The number that a text begins with. */
struct quantity {
    uint64_t whole;
    uint64_t fraction, fraction_scale; /* fraction / fraction_scale is what follows the point */
    const char *rest;
    bool is_huge;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Fails: false when the text does not begin with a number. */
static bool read_quantity(const char *text, struct quantity *quantity)
{
    *quantity = (struct quantity){.fraction_scale = 1};
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++)
        if (__builtin_mul_overflow(quantity->whole, 10u, &quantity->whole) ||
            __builtin_add_overflow(quantity->whole, (unsigned)(*text - '0'), &quantity->whole))
            quantity->is_huge = true;
    if (text[0] == '.' && is_digit(text[1]))
        for (text++; is_digit(*text); text++)
            if (quantity->fraction_scale < 1000000000u) {
                quantity->fraction = quantity->fraction * 10 + (unsigned)(*text - '0');
                quantity->fraction_scale *= 10;
            }
    quantity->rest = text;
    return true;
}

/* Whole and fraction times FACTOR, rounded down. */
static bool scale(const struct quantity *quantity, uint64_t factor, uint64_t *value,
                  struct weir_why *why)
{
    if (quantity->is_huge || __builtin_mul_overflow(quantity->whole, factor, value) ||
        __builtin_add_overflow(*value, quantity->fraction * factor / quantity->fraction_scale,
                               value))
        return weir_why_set(why, "is too large a number");
    if (*value == 0 && quantity->fraction > 0)
        return weir_why_set(why, "is less than the smallest step");
    return true;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

bool weir_units_read_duration(const char *text, uint64_t *ms, struct weir_why *why)
{
    struct quantity quantity;
    int digits;

    if (!read_quantity(text, &quantity))
        return weir_why_set(why, "is not a duration; write one like 500ms, 30s, 2m or 1h");
    const struct unit *unit = find_unit(duration_units, quantity.rest);
    if (unit != NULL)
        return scale(&quantity, unit->factor, ms, why);
    *ms = 0;
    if (quantity.rest[0] == '\0' && quantity.whole == 0 && quantity.fraction == 0)
        return true;
    digits = quantity.rest - text > 20 ? 20 : (int)(quantity.rest - text);
    if (quantity.rest[0] == '\0')
        return weir_why_set(why, "has no unit; write %.*ss", digits, text);
    return weir_why_set(why, "has an unknown unit `%s`; the units are ms, s, m and h, as in %.*ss",
                        weir_faults_quote(quantity.rest).text, digits, text);
}

bool weir_units_read_size(const char *text, uint64_t *bytes, struct weir_why *why)
{
    struct quantity quantity;

    if (!read_quantity(text, &quantity))
        return weir_why_set(why, "is not a size; write one like 512, 64KiB or 10MB");
    const struct unit *unit = find_unit(size_units, quantity.rest[0] == '\0' ? "B" : quantity.rest);
    if (unit != NULL)
        return scale(&quantity, unit->factor, bytes, why);
    return weir_why_set(why, "has an unknown unit `%s`; the units are KiB, MiB, GiB, KB, MB and GB",
                        weir_faults_quote(quantity.rest).text);
}

bool weir_units_read_number(const char *text, uint64_t *number, struct weir_why *why)
{
    struct quantity quantity;

    if (!read_quantity(text, &quantity) || quantity.rest[0] != '\0' || quantity.fraction_scale > 1)
        return weir_why_set(why, "is not a whole number");
    return scale(&quantity, 1, number, why);
}

bool weir_units_read_percent(const char *text, uint64_t *percent, struct weir_why *why)
{
    struct quantity quantity;
    bool is_number = read_quantity(text, &quantity) && quantity.fraction_scale == 1;

    if (is_number && strcmp(quantity.rest, "%") == 0)
        return scale(&quantity, 1, percent, why);
    *percent = 0;
    if (is_number && quantity.rest[0] == '\0' && quantity.whole == 0 && !quantity.is_huge)
        return true;
    if (!is_number || quantity.rest[0] != '\0')
        return weir_why_set(why, "is not a percentage; write a whole one like 20%%");
    return weir_why_set(why, "has no unit; write %.20s%%", text);
}

bool weir_units_read_mode(const char *text, uint64_t *mode, struct weir_why *why)
{
    size_t len = strlen(text);

    *mode = 0;
    if (len < 3 || len > 4 || strspn(text, "01234567") != len)
        return weir_why_set(why, "is not a file's mode; write one like 0660");
    *mode = strtoul(text, NULL, 8);
    return true;
}

bool weir_units_read_bool(const char *text, uint64_t *value, struct weir_why *why)
{
    static const char *const words[] = {"false", "true", "off", "on", "no", "yes"};
    struct weir_suggest suggest;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *value = i % 2;
            return true;
        }
    }
    weir_suggest_init(&suggest, text);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        weir_suggest_try(&suggest, words[i]);
    if (suggest.nearest != NULL)
        return weir_why_set(why, "is unknown; did you mean `%s`?", suggest.nearest);
    return weir_why_set(why, "is unknown; write true or false");
}

/* In the largest unit that divides the value. UNITS fall in size, the last divides every value. */
static char *format(uint64_t value, const struct unit *units, char *text)
{
    const struct unit *best = units;

    while (value % best->factor != 0)
        best++;
    snprintf(text, WEIR_UNITS_TEXT_MAX, "%llu%s", (unsigned long long)(value / best->factor),
             best->name);
    return text;
}

char *weir_units_format_duration(uint64_t ms, char *text)
{
    const struct unit *units = duration_units;

    if (ms == 0) {
        snprintf(text, WEIR_UNITS_TEXT_MAX, "0");
        return text;
    }
    /* People say 60s and 90s, but 2m. */
    if (ms < 120000)
        units = find_unit(duration_units, "s");
    return format(ms, units, text);
}

char *weir_units_format_mode(uint64_t mode, char *text)
{
    snprintf(text, WEIR_UNITS_TEXT_MAX, "%04llo", (unsigned long long)mode);
    return text;
}

char *weir_units_format_size(uint64_t bytes, char *text)
{
    if (bytes == 0 || (bytes % 1000 != 0 && bytes % 1024 != 0))
        snprintf(text, WEIR_UNITS_TEXT_MAX, "%llu", (unsigned long long)bytes);
    else
        format(bytes, size_units, text);
    return text;
}
