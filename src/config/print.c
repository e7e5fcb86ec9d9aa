#include "weir/config/config.h"
#include "weir/config/schema.h"
#include "weir/config/utf8.h"

#include <string.h>
#include <strings.h>

#define INDENT 2

/* Words that some reader of YAML takes for something else than text. */
static const char *const reserved[] = {"null", "true", "false", "yes", "no",
                                       "on",   "off",  "y",     "n",   NULL};

static void print_section(const struct weir_schema_row *section, const void *base, unsigned indent,
                          bool is_element, FILE *out);

static bool is_plain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/._-:", c) != NULL);
}

/* Can the text stand without quotes? */
static bool is_plain(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || strchr("._-:", text[0]) != NULL || text[len - 1] == ':')
        return false;
    for (size_t i = 0; reserved[i] != NULL; i++)
        if (strcasecmp(text, reserved[i]) == 0)
            return false;
    for (size_t i = 0; i < len; i++)
        if (!is_plain_char(text[i]))
            return false;
    /* All digits would be a number to other readers. */
    return text[strspn(text, "0123456789.")] != '\0';
}

/* May the character stand in quotes as it is? The others are breaks of lines to YAML, or refused
 * by libyaml. */
static bool is_printable(uint32_t c)
{
    return (c >= 0x20 && c < 0x7f) ||
           (c >= 0xa0 && c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff);
}

/* HAS_VARIABLES: what stands for itself is marked already. */
static void print_quoted(const char *text, bool has_variables, FILE *out)
{
    uint32_t c;
    size_t len;

    fputc('"', out);
    for (; *text != '\0'; text += len) {
        len = weir_utf8_read(text, &c);
        if (len == 0) {
            c = (unsigned char)*text;
            len = 1;
        }
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", (char)c);
        else if (!has_variables && strncmp(text, "${", 2) == 0)
            fputs("$$", out);
        else if (is_printable(c))
            fwrite(text, 1, len, out);
        else
            fprintf(out, "\\U%08x", (unsigned)c);
    }
    fputc('"', out);
}

static void print_text(const char *text, FILE *out)
{
    if (is_plain(text))
        fputs(text, out);
    else
        print_quoted(text, false, out);
}

static void print_scalar(const struct weir_schema_row *row, const void *base, FILE *out)
{
    char value[WEIR_UNITS_TEXT_MAX];
    const char *text;

    fputc(' ', out);
    if (weir_schema_is_value(row)) {
        fputs(weir_schema_format(row, weir_schema_get(row, base), value), out);
    } else {
        text = *(char *const *)weir_schema_const_field(base, row->offset);
        if (text != NULL)
            print_text(text, out);
        else
            fputs(row->zero != NULL ? row->zero : "null", out);
    }
    fputc('\n', out);
}

static void print_list(const struct weir_schema_row *row, const void *base, FILE *out)
{
    char *const *texts = *(char *const *const *)weir_schema_const_field(base, row->offset);
    size_t n = *(const size_t *)weir_schema_const_field(base, row->count_offset);

    fputs(" [", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i == 0 ? "" : ", ", out);
        print_quoted(texts[i], false, out);
    }
    fputs("]\n", out);
}

static void print_lines(const struct weir_schema_row *row, const void *base, FILE *out)
{
    const struct weir_edit *edits = *(const struct weir_edit *const *)weir_schema_const_field(
        base, row->offset);
    size_t n = *(const size_t *)weir_schema_const_field(base, row->count_offset);

    fputs(" {", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i == 0 ? "" : ", ", out);
        print_quoted(edits[i].name, false, out);
        fputs(": ", out);
        print_quoted(edits[i].value, true, out);
    }
    fputs("}\n", out);
}

static void print_array(const struct weir_schema_row *row, const void *base, unsigned indent,
                        FILE *out)
{
    const char *elements = *(char *const *)weir_schema_const_field(base, row->offset);
    size_t n = *(const size_t *)weir_schema_const_field(base, row->count_offset);
    bool is_named = row->type == WEIR_SCHEMA_NAMED;

    if (n == 0) {
        fputs(is_named ? " {}\n" : " []\n", out);
        return;
    }
    fputc('\n', out);
    for (size_t i = 0; i < n; i++) {
        const void *element = elements + i * row->element_bytes;
        fprintf(out, "%*s", (int)indent, "");
        if (is_named) {
            print_text(*(char *const *)element, out);
            fputs(":\n", out);
        } else {
            fputs("- ", out);
        }
        print_section(row, element, indent + INDENT, !is_named, out);
    }
}

/* Is it a section that means something by being there, and is not? */
static bool is_absent(const struct weir_schema_row *row, const void *base)
{
    return row->type == WEIR_SCHEMA_SECTION && row->has_field &&
           !*(const bool *)weir_schema_const_field(base, row->offset);
}

/* The first key of a list's element stands behind the dash, which has been printed. */
static void print_section(const struct weir_schema_row *section, const void *base, unsigned indent,
                          bool is_element, FILE *out)
{
    unsigned own_indent = is_element ? 0 : indent;

    for (const struct weir_schema_row *row = weir_schema_first(section); row != NULL;
         row = weir_schema_next(row)) {
        if (row->pending != NULL || is_absent(row, base))
            continue;
        fprintf(out, "%*s%s:", (int)own_indent, "", row->name);
        own_indent = indent;
        switch (row->type) {
        case WEIR_SCHEMA_SECTION:
            fputc('\n', out);
            print_section(row, base, indent + INDENT, false, out);
            break;
        case WEIR_SCHEMA_NAMED:
        case WEIR_SCHEMA_SECTIONS:
            print_array(row, base, indent + INDENT, out);
            break;
        case WEIR_SCHEMA_ADDRESSES:
        case WEIR_SCHEMA_NETWORKS:
        case WEIR_SCHEMA_SOURCES:
        case WEIR_SCHEMA_REMOVALS:
            print_list(row, base, out);
            break;
        case WEIR_SCHEMA_LINES:
            print_lines(row, base, out);
            break;
        default:
            print_scalar(row, base, out);
        }
    }
}

void weir_config_print(const struct weir_config *config, FILE *out)
{
    print_section(NULL, config, 0, false, out);
}
