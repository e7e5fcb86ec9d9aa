/* `${NAME}` and `${NAME:-default}` in a value. */
#ifndef WEIR_CONFIG_EXPAND_H
#define WEIR_CONFIG_EXPAND_H

#include "weir/config/arena.h"
#include "weir/config/why.h"

#include <stdbool.h>

#define WEIR_EXPAND_BYTES_MAX 65536u

/* Puts the environment's values in. The default counts when NAME is unset or empty and runs to the
 * first `}`; `$${` stands for `${`; what was put in is not looked at again. *result is TEXT itself
 * when there is nothing to do.
 * Thread: any, as long as nobody writes the environment.
 * Fails: false, WHY is set, or empty when the arena is exhausted. */
bool weir_expand_text(struct weir_arena *arena, const char *text, const char **result,
                      struct weir_why *why);

#endif
