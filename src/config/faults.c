#include "weir/config/faults.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1024

struct weir_fault {
    struct weir_fault *next;
    struct weir_place place;
    size_t order; /* of noting, which decides between faults of one place */
    char *message;
};

void weir_faults_init(struct weir_faults *faults, const char *source, size_t bytes_max)
{
    *faults = (struct weir_faults){.source = source};
    weir_arena_init(&faults->arena, bytes_max);
}

void weir_faults_fini(struct weir_faults *faults)
{
    weir_arena_fini(&faults->arena);
}

/* Escapes control characters, C1 ones (two bytes in UTF-8) included. TO holds four times FROM. */
static void escape_controls(const char *from, char *to)
{
    for (const unsigned char *c = (const unsigned char *)from; *c != '\0'; c++) {
        if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            to += sprintf(to, "\\x%02x", *++c);
        else if (*c < 0x20 || *c == 0x7f)
            to += sprintf(to, "\\x%02x", *c);
        else
            *to++ = (char)*c;
    }
    *to = '\0';
}

void weir_faults_add(struct weir_faults *faults, struct weir_place place, const char *format, ...)
{
    char message[MESSAGE_MAX];
    char escaped[4 * MESSAGE_MAX];
    va_list arguments;

    if (weir_faults_is_full(faults)) {
        faults->n_lost++;
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    escape_controls(message, escaped);
    struct weir_fault *fault = weir_arena_take(&faults->arena, 1, sizeof(*fault));
    char *copy = weir_arena_copy(&faults->arena, weir_slice_from(escaped));
    if (fault == NULL || copy == NULL)
        return;
    *fault = (struct weir_fault){.place = place, .order = faults->n_kept, .message = copy};
    if (faults->last == NULL)
        faults->first = fault;
    else
        faults->last->next = fault;
    faults->last = fault;
    faults->n_kept++;
}

bool weir_faults_is_empty(const struct weir_faults *faults)
{
    return faults->n_kept == 0 && !faults->arena.is_exhausted;
}

bool weir_faults_is_full(const struct weir_faults *faults)
{
    return faults->n_kept == WEIR_FAULTS_MAX;
}

static int compare(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_faults(const void *a, const void *b)
{
    const struct weir_fault *left = *(struct weir_fault *const *)a;
    const struct weir_fault *right = *(struct weir_fault *const *)b;
    int by_line = compare(left->place.line, right->place.line);
    int by_column = compare(left->place.column, right->place.column);

    if (by_line != 0)
        return by_line;
    return by_column != 0 ? by_column : compare(left->order, right->order);
}

static void print_fault(const struct weir_faults *faults, const struct weir_fault *fault, FILE *out)
{
    if (fault->place.option != NULL)
        fprintf(out, "%s: %s\n", fault->place.option, fault->message);
    else
        fprintf(out, "%s:%zu:%zu: %s\n", faults->source, fault->place.line, fault->place.column,
                fault->message);
}

void weir_faults_print(struct weir_faults *faults, FILE *out)
{
    struct weir_fault *sorted[WEIR_FAULTS_MAX];
    size_t n = 0;

    for (struct weir_fault *fault = faults->first; fault != NULL; fault = fault->next)
        sorted[n++] = fault;
    qsort(sorted, n, sizeof(sorted[0]), compare_faults);
    for (size_t i = 0; i < n; i++)
        print_fault(faults, sorted[i], out);
    if (faults->n_lost > 0)
        fprintf(out, "%s:%zu:%zu: %zu more faults are not shown; mend these first\n",
                faults->source, sorted[n - 1]->place.line, sorted[n - 1]->place.column,
                faults->n_lost);
    if (faults->arena.is_exhausted)
        fprintf(out, "%s:1:1: out of memory\n", faults->source);
}

struct weir_quote weir_faults_quote(const char *text)
{
    struct weir_quote quote = {.text = ""};
    const char mark[] = "…";
    size_t room = sizeof(quote.text) - sizeof(mark);
    size_t len = strnlen(text, sizeof(quote.text));

    if (len < sizeof(quote.text)) {
        memcpy(quote.text, text, len);
        return quote;
    }
    while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
        room--;
    memcpy(quote.text, text, room);
    memcpy(quote.text + room, mark, sizeof(mark));
    return quote;
}
