/* UTF-8 (RFC 3629), strictly. */
#ifndef WEIR_CONFIG_UTF8_H
#define WEIR_CONFIG_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that TEXT, ended by NUL, begins with, and its length in bytes.
 * Fails: 0 for what is not UTF-8. */
size_t weir_utf8_read(const char *text, uint32_t *character);

bool weir_utf8_is_valid(const char *text);

#endif
