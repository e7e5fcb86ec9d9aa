/* JSON Schema, as far as weir's own schemas go: $ref to $defs, anyOf, type, enum, properties,
 * patternProperties, additionalProperties, required, items, minimum, pattern. Any other keyword is
 * an error, so that none is taken for checked that is not. */
#ifndef WEIR_E2E_T_SCHEMA_H
#define WEIR_E2E_T_SCHEMA_H

#include "t_base.h"

#include <jansson.h>

/* The schema in weir's source tree at PATH. Owns: valid until the test ends. */
json_t *t_schema_load(const char *path);
#define t_schema_load(...) T_AT((t_schema_load)(__VA_ARGS__))

/* What is wrong with VALUE, and where; null when nothing is. */
const char *t_schema_find_fault(json_t *schema, json_t *value);

/* Fails when something is. */
void t_schema_assert(json_t *schema, json_t *value);
#define t_schema_assert(...) T_AT((t_schema_assert)(__VA_ARGS__))

#endif
