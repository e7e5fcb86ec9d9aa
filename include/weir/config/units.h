/* Values with units, as people write them. Pure.
 *
 * Each reader takes the whole text. Fails: false, and WHY holds what is wrong and what would be
 * right, as the end of a sentence that begins with the text. */
#ifndef WEIR_CONFIG_UNITS_H
#define WEIR_CONFIG_UNITS_H

#include "weir/config/why.h"

#include <stdbool.h>
#include <stdint.h>

/* Room for every formatted value. */
#define WEIR_UNITS_TEXT_MAX 32

/* `500ms`, `1.5s`, `2m`, `1h`; `0` needs no unit. Units: milliseconds, rounded down. */
bool weir_units_read_duration(const char *text, uint64_t *ms, struct weir_why *why);

/* `512`, `64KiB`, `10MB`, `1.5GiB`: KB, MB and GB are powers of 1000, KiB, MiB and GiB of 1024; a
 * B alone may stand too. Units: bytes, rounded down. */
bool weir_units_read_size(const char *text, uint64_t *bytes, struct weir_why *why);

/* Decimal digits. */
bool weir_units_read_number(const char *text, uint64_t *number, struct weir_why *why);

/* `20%`; `0` needs no sign. */
bool weir_units_read_percent(const char *text, uint64_t *percent, struct weir_why *why);

/* A file's mode, `0660` or `660`. */
bool weir_units_read_mode(const char *text, uint64_t *mode, struct weir_why *why);

/* true, on, yes; false, off, no. */
bool weir_units_read_bool(const char *text, uint64_t *value, struct weir_why *why);

/* In the largest unit that needs no fraction; TEXT holds WEIR_UNITS_TEXT_MAX bytes. Return TEXT. */
char *weir_units_format_duration(uint64_t ms, char *text);
char *weir_units_format_size(uint64_t bytes, char *text);
char *weir_units_format_mode(uint64_t mode, char *text);

#endif
