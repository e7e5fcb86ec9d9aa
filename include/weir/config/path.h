/* Where in the configuration a value stands, by names: `pools.legacy.servers[0].weight`. */
#ifndef WEIR_CONFIG_PATH_H
#define WEIR_CONFIG_PATH_H

#include "weir/config/faults.h"

#include <stddef.h>

#define WEIR_PATH_TEXT_MAX 256

/* One step, on the stack of whoever takes it. */
struct weir_path {
    const struct weir_path *up; /* NULL: the outermost */
    const char *name;           /* NULL: an element of a list */
    size_t index;
};

/* TEXT holds WEIR_PATH_TEXT_MAX bytes; a longer path is cut. Returns TEXT. */
char *weir_path_describe(const struct weir_path *path, char *text);

/* Notes a fault of what stands at PATH (NULL: of the whole). What came from the command line has
 * a place that says more than the path, which is then left out. */
void weir_path_fault(const struct weir_path *path, struct weir_faults *faults,
                     struct weir_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
