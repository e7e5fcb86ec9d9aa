/* Files that a configuration names. */
#ifndef WEIR_CONFIG_BESIDE_H
#define WEIR_CONFIG_BESIDE_H

#include "weir/config/arena.h"

/* The path of a file that SOURCE, the configuration's own path, calls PATH: what is not absolute
 * stands beside it. NULL for NULL. Fails: NULL, the arena is exhausted. */
char *weir_config_beside(struct weir_arena *arena, const char *source, const char *path);

#endif
