/* The faults of a configuration: collected while it is read and checked, printed in the order of
 * the file, one line each: `FILE:LINE:COLUMN: what is wrong, and what would be right`. */
#ifndef WEIR_CONFIG_FAULTS_H
#define WEIR_CONFIG_FAULTS_H

#include "weir/config/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* So many are kept and printed; of the others the last line tells the number. */
#define WEIR_FAULTS_MAX 1000

/* Where something was written. */
struct weir_place {
    const char *option;  /* `--listen`; NULL for what stands in the file */
    size_t line, column; /* from 1, the column in characters */
};

struct weir_fault;

struct weir_faults {
    const char *source; /* the file's name */
    struct weir_arena arena;
    struct weir_fault *first, *last;
    size_t n_kept, n_lost;
};

/* SOURCE is borrowed. */
void weir_faults_init(struct weir_faults *faults, const char *source, size_t bytes_max);
void weir_faults_fini(struct weir_faults *faults);

/* Notes a fault. Control characters in it are escaped, so that it stays one line.
 * Fails: when memory runs out, which weir_faults_print then says. */
void weir_faults_add(struct weir_faults *faults, struct weir_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool weir_faults_is_empty(const struct weir_faults *faults);
/* Further faults are only counted, so their text need not be made. */
bool weir_faults_is_full(const struct weir_faults *faults);

/* Prints what was noted, and that memory ran out when it did. */
void weir_faults_print(struct weir_faults *faults, FILE *out);

/* A user's text as faults quote it: cut to fit, never inside a character.
 * Use in one expression: `weir_faults_quote(text).text`. */
struct weir_quote {
    char text[72];
};
struct weir_quote weir_faults_quote(const char *text);

#endif
