/* What the loading of a configuration may cost. */
#ifndef WEIR_CONFIG_LOAD_H
#define WEIR_CONFIG_LOAD_H

#include "weir/config/config.h"

/* The most that each of the tree, the configuration and the list of faults may take. A file of
 * WEIR_YAML_BYTES_MAX and WEIR_YAML_NODES_MAX stays well below. */
#define WEIR_LOAD_MEMORY_MAX ((size_t)512 * 1024 * 1024)

/* weir_config_load_text with a bound of one's own. Past it the load fails with "out of memory" as
 * it does when the heap is empty, which is how tests get there. */
struct weir_config *weir_config_load_bounded(const char *name, struct weir_slice text,
                                             size_t memory_max, FILE *errors);

#endif
