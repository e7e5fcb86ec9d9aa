/* A short text that is built up: what is wrong with a value and what would be right, as the end of
 * a sentence that begins with the value. */
#ifndef WEIR_CONFIG_WHY_H
#define WEIR_CONFIG_WHY_H

#include <stdbool.h>

/* Longer texts are cut. */
struct weir_why {
    char text[400];
};

/* Says nothing yet. */
static inline void weir_why_clear(struct weir_why *why)
{
    why->text[0] = '\0'; /* all of it would be four hundred bytes, for each key of a file */
}

/* Returns false, always: the one way in which its callers fail. */
bool weir_why_set(struct weir_why *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void weir_why_append(struct weir_why *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
