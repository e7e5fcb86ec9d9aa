/* YAML text as a tree of bounded size, in which everything knows its place. What a configuration
 * has no use for (anchors, aliases, tags, merge keys, several documents) is a fault. */
#ifndef WEIR_CONFIG_YAML_H
#define WEIR_CONFIG_YAML_H

#include "weir/config/arena.h"
#include "weir/config/faults.h"

#include <stdbool.h>
#include <stddef.h>

#define WEIR_YAML_BYTES_MAX (10u * 1024 * 1024)
#define WEIR_YAML_NODES_MAX 1000000u
#define WEIR_YAML_DEPTH_MAX 16u

enum weir_yaml_kind {
    WEIR_YAML_SCALAR,
    WEIR_YAML_LIST,
    WEIR_YAML_MAP,
    WEIR_YAML_BROKEN /* a fault has been noted; take it for absent */
};

/* Owns: nothing; all belongs to the tree's arena. */
struct weir_yaml_node {
    enum weir_yaml_kind kind;
    bool is_plain;     /* a scalar without quotes, so that `null` means null */
    bool is_literal;   /* `${…}` means just that: the text comes from the command line */
    bool is_duplicate; /* of a member with the same key; only while reading */
    struct weir_place place;
    struct weir_yaml_node *next;         /* in the list or map that it belongs to */
    struct weir_yaml_node *key;          /* of a map's member; a scalar */
    struct weir_yaml_node *first, *last; /* members */
    size_t n_members;
    char *text; /* of a scalar, else NULL */
};

/* Reads the one document of TEXT.
 * Fails: NULL after at least one fault, or when the arena is exhausted. */
struct weir_yaml_node *weir_yaml_read(struct weir_arena *arena, struct weir_slice text,
                                      struct weir_faults *faults);

/* For trees that no text stands behind. Fails: NULL, the arena is exhausted. */
struct weir_yaml_node *weir_yaml_make(struct weir_arena *arena, enum weir_yaml_kind kind,
                                      const char *text, struct weir_place place);
/* Puts MEMBER at the end of a list, or of a map when it has a key. */
void weir_yaml_append(struct weir_yaml_node *parent, struct weir_yaml_node *member);

/* What a list or map holds; NULL for anything else. NODE may be NULL. */
struct weir_yaml_node *weir_yaml_first(const struct weir_yaml_node *node);

/* The member of this name; NULL when there is none or NODE is no map. NODE may be NULL. */
struct weir_yaml_node *weir_yaml_find(const struct weir_yaml_node *node, const char *name);

/* `null`, `~` or nothing. */
bool weir_yaml_is_null_text(const char *text);
/* A scalar without quotes that says so. */
bool weir_yaml_is_null(const struct weir_yaml_node *node);

/* The kind in words: "a mapping". */
const char *weir_yaml_describe(const struct weir_yaml_node *node);

#endif
