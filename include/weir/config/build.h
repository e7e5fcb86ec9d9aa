/* From a tree of YAML to a configuration: filled in by the schema table, then cross-checked. */
#ifndef WEIR_CONFIG_BUILD_H
#define WEIR_CONFIG_BUILD_H

#include "weir/config/config.h"
#include "weir/config/faults.h"
#include "weir/config/yaml.h"

/* Fills CONFIG, all zero but for its arena, from TREE and the defaults. Faulty keys are noted and
 * keep their default; a required one may be left empty. */
void weir_config_fill(struct weir_config *config, const struct weir_yaml_node *tree,
                      struct weir_faults *faults);

/* Checks what one key alone cannot know (references, doubles, limits against each other), and
 * derives what follows from them. TREE is what CONFIG was filled from; SCRATCH holds what is
 * needed meanwhile. */
void weir_config_check(struct weir_config *config, const struct weir_yaml_node *tree,
                       struct weir_arena *scratch, struct weir_faults *faults);

/* The part of it that reads certificates: makes the listeners' fronts. Blocks: on the disk. */
void weir_config_check_tls(struct weir_config *config, const struct weir_yaml_node *listeners,
                           struct weir_faults *faults);
/* Reads the files that the `tls` of POOL, whose section is NODE, names: pool->tls. */
void weir_config_load_tls(struct weir_config *config, struct weir_config_pool *pool,
                          const struct weir_yaml_node *node, struct weir_arena *scratch,
                          struct weir_faults *faults);

#endif
