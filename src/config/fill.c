#include "weir/base/assert.h"
#include "weir/config/build.h"
#include "weir/config/expand.h"
#include "weir/config/path.h"
#include "weir/config/schema.h"
#include "weir/config/texts.h"

#include <string.h>
#include <strings.h>

/* More keys than any section has. */
#define KEYS_MAX 32

struct filler {
    struct weir_arena *arena;
    struct weir_faults *faults;
};

/* One key of a struct that is being filled. */
struct slot {
    struct filler *filler;
    const struct weir_path *path;
    const struct weir_schema_row *row;
    void *base;
    bool has_presets; /* the struct holds the defaults of all keys already */
};

/* Stands for a value whose fault has been noted. */
static const struct weir_yaml_node broken_node = {.kind = WEIR_YAML_BROKEN};

static void fill_section(struct slot section, const struct weir_yaml_node *node);

static bool has_preset(const struct weir_schema_row *row, const char *text)
{
    return row->preset != NULL && strcmp(row->preset, text) == 0;
}

/* A scalar's text with the environment's values in it. Fails: false, the fault is noted. */
static bool read_scalar(const struct slot *slot, const struct weir_yaml_node *node,
                        const char **text)
{
    struct weir_why why;

    weir_why_clear(&why);
    if (node->kind == WEIR_YAML_BROKEN)
        return false;
    if (node->kind != WEIR_YAML_SCALAR) {
        weir_path_fault(slot->path, slot->filler->faults, node->place,
                        "%s stands where %s is expected", weir_yaml_describe(node),
                        slot->path->name == NULL ? "an address" : weir_schema_describe(slot->row));
        return false;
    }
    *text = node->text;
    if (node->is_literal || weir_expand_text(slot->filler->arena, node->text, text, &why))
        return true;
    if (!slot->filler->arena->is_exhausted)
        weir_path_fault(slot->path, slot->filler->faults, node->place, "`%s` %s",
                        weir_faults_quote(node->text).text, why.text);
    return false;
}

static void add_value_fault(const struct slot *slot, const struct weir_yaml_node *node,
                            const char *text, const struct weir_why *why)
{
    weir_path_fault(slot->path, slot->filler->faults, node->place, "`%s` %s",
                    weir_faults_quote(text).text, why->text);
}

/* Host names are compared without regard to case, so they are kept in one. */
static void lower_case(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static bool set_text(const struct slot *slot, const char *text, struct weir_why *why)
{
    const struct weir_schema_row *row = slot->row;

    if (row->type == WEIR_SCHEMA_ADDRESS
            ? !weir_texts_read_endpoint(row, text,
                                        weir_schema_field(slot->base, row->parsed_offset), why)
            : !weir_texts_check(row, text, why))
        return false;
    char *copy = weir_arena_copy(slot->filler->arena, weir_slice_from(text));
    if (copy != NULL && row->type == WEIR_SCHEMA_HOST)
        lower_case(copy);
    *(char **)weir_schema_field(slot->base, row->offset) = copy;
    return true;
}

static void set_nothing(const struct slot *slot)
{
    const struct weir_schema_row *row = slot->row;

    if (weir_schema_is_value(row)) {
        weir_schema_put(row, slot->base, 0);
        return;
    }
    *(char **)weir_schema_field(slot->base, row->offset) = NULL;
    if (row->type == WEIR_SCHEMA_ADDRESS)
        *(struct weir_endpoint *)weir_schema_field(slot->base,
                                                   row->parsed_offset) = (struct weir_endpoint){0};
}

static bool set_scalar(const struct slot *slot, const char *text, struct weir_why *why)
{
    uint64_t value;

    if (!weir_schema_is_value(slot->row)) {
        if (!weir_schema_is_zero_word(slot->row, text))
            return set_text(slot, text, why);
        set_nothing(slot);
        return true;
    }
    if (!weir_schema_read(slot->row, text, &value, why))
        return false;
    weir_schema_put(slot->row, slot->base, value);
    return true;
}

/* Lists and null are what a cleared struct has already. */
static void fill_preset(const struct slot *slot)
{
    const struct weir_schema_row *row = slot->row;
    bool is_scalar = weir_schema_is_value(row) || weir_schema_is_text(row);
    struct weir_why why;

    if (!is_scalar || !row->has_field || row->preset == NULL || has_preset(row, "null"))
        return;
    bool is_set = set_scalar(slot, row->preset, &why);
    WEIR_ASSERT_SHOW(is_set, row->name);
}

static void fill_scalar(const struct slot *slot, const struct weir_yaml_node *node)
{
    const char *text;
    struct weir_why why;

    weir_why_clear(&why);
    if (!slot->has_presets)
        fill_preset(slot);
    if (node == NULL || !read_scalar(slot, node, &text))
        return;
    if (!node->is_plain || !weir_yaml_is_null_text(text)) {
        if (!set_scalar(slot, text, &why))
            add_value_fault(slot, node, text, &why);
    } else if (has_preset(slot->row, "null")) {
        set_nothing(slot);
    } else if (slot->row->preset != NULL) {
        weir_path_fault(slot->path, slot->filler->faults, node->place,
                        "has no value; write `%s`, the default, or remove the key",
                        slot->row->preset);
    } /* Else it is required, and fill_section has said so. */
}

/* Does the key say what weir does without it? */
static bool is_default(const struct slot *slot, const struct weir_yaml_node *node)
{
    const struct weir_schema_row *row = slot->row;
    uint64_t value, preset;
    const char *text;
    struct weir_why why;

    if (node->kind == WEIR_YAML_LIST)
        return node->n_members == 0 && has_preset(row, "[]");
    if (node->kind == WEIR_YAML_MAP)
        return node->n_members == 0 && has_preset(row, "{}");
    if (node->kind == WEIR_YAML_BROKEN || !read_scalar(slot, node, &text))
        return true; /* Or rather, a fault that is enough. */
    if (node->is_plain && weir_yaml_is_null_text(text))
        return !weir_schema_is_value(row);
    return weir_schema_is_value(row) && weir_schema_read(row, text, &value, &why) &&
           weir_schema_read(row, row->preset, &preset, &why) && value == preset;
}

static void check_pending(const struct slot *slot, const struct weir_yaml_node *node)
{
    if (node == NULL || is_default(slot, node))
        return;
    weir_path_fault(slot->path, slot->filler->faults,
                    node->key == NULL ? node->place : node->key->place,
                    "%s not landed in this version of weir; remove the key", slot->row->pending);
}

static bool read_list_element(const struct slot *slot, const char *text, void *parsed, size_t index,
                              struct weir_why *why)
{
    if (slot->row->type == WEIR_SCHEMA_REMOVALS)
        return weir_edits_check_removal(text, slot->row->side, why);
    if (slot->row->type == WEIR_SCHEMA_NETWORKS)
        return weir_texts_read_network(text, (struct weir_network *)parsed + index, why);
    if (slot->row->type == WEIR_SCHEMA_SOURCES)
        return weir_texts_read_source(text, (struct weir_address *)parsed + index, why);
    return weir_texts_read_endpoint(slot->row, text, (struct weir_endpoint *)parsed + index, why);
}

/* 0: it means nothing but the text. */
static size_t parsed_bytes(const struct weir_schema_row *row)
{
    return row->type == WEIR_SCHEMA_REMOVALS   ? 0
           : row->type == WEIR_SCHEMA_NETWORKS ? sizeof(struct weir_network)
           : row->type == WEIR_SCHEMA_SOURCES  ? sizeof(struct weir_address)
                                               : sizeof(struct weir_endpoint);
}

/* A list of texts, what they mean beside it; one text alone is a list of one. */
static void fill_list(const struct slot *slot, const struct weir_yaml_node *node)
{
    const struct weir_schema_row *row = slot->row;
    bool is_alone = node != NULL && node->kind == WEIR_YAML_SCALAR && !weir_yaml_is_null(node);
    size_t n = is_alone ? 1 : node == NULL ? 0 : node->n_members;
    struct weir_why why;
    const char *text;

    weir_why_clear(&why);
    if (node != NULL && node->kind == WEIR_YAML_MAP) {
        (void)read_scalar(slot, node, &text);
        return;
    }
    if (n == 0)
        return;
    char **texts = weir_arena_take(slot->filler->arena, n, sizeof(char *));
    size_t bytes = parsed_bytes(row);
    void *parsed = bytes > 0 ? weir_arena_take(slot->filler->arena, n, bytes) : NULL;
    if (texts == NULL || (parsed == NULL && bytes > 0))
        return;
    const struct weir_yaml_node *element = is_alone ? node : node->first;
    for (size_t i = 0; i < n; i++, element = element->next) {
        struct weir_path path = {.up = slot->path, .index = i};
        struct slot own = *slot;
        own.path = &path;
        if (!read_scalar(&own, element, &text))
            continue;
        if (!read_list_element(&own, text, parsed, i, &why))
            add_value_fault(&own, element, text, &why);
        texts[i] = weir_arena_copy(slot->filler->arena, weir_slice_from(text));
    }
    *(char ***)weir_schema_field(slot->base, row->offset) = texts;
    if (parsed != NULL)
        *(void **)weir_schema_field(slot->base, row->parsed_offset) = parsed;
    *(size_t *)weir_schema_field(slot->base, row->count_offset) = n;
}

/* Fails: false, the fault is noted. */
static bool fill_line(const struct slot *slot, const struct weir_yaml_node *node,
                      const struct weir_edit *others, size_t n, struct weir_edit *edit)
{
    struct weir_path path = {.up = slot->path, .name = node->key->text};
    struct weir_why why;

    weir_why_clear(&why);
    if (node->kind == WEIR_YAML_BROKEN)
        return false;
    if (node->kind != WEIR_YAML_SCALAR || weir_yaml_is_null(node)) {
        weir_path_fault(&path, slot->filler->faults, node->place,
                        "%s stands where a value is expected; write it in quotes, like `\"1\"`",
                        weir_yaml_is_null(node) ? "nothing" : weir_yaml_describe(node));
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(others[i].name, node->key->text) == 0)
            weir_path_fault(&path, slot->filler->faults, node->key->place,
                            "is `%s` again: names are the same in any case; keep one of them",
                            others[i].name);
    }
    if (weir_edits_read_line(slot->filler->arena, node->key->text, node->text, slot->row->side,
                             slot->row->is_added, edit, &why))
        return true;
    if (!slot->filler->arena->is_exhausted)
        weir_path_fault(&path, slot->filler->faults, node->key->place, "`%s: %s` %s",
                        weir_faults_quote(node->key->text).text, weir_faults_quote(node->text).text,
                        why.text);
    return false;
}

static void fill_lines(const struct slot *slot, const struct weir_yaml_node *node)
{
    const struct weir_schema_row *row = slot->row;
    struct weir_edit *edits;
    size_t n = 0;

    if (node == NULL || node->kind == WEIR_YAML_BROKEN || weir_yaml_is_null(node))
        return;
    if (node->kind != WEIR_YAML_MAP) {
        weir_path_fault(slot->path, slot->filler->faults, node->place,
                        "%s stands where %s is expected; write it like %s",
                        weir_yaml_describe(node), weir_schema_describe(row), row->example);
        return;
    }
    edits = weir_arena_take(slot->filler->arena, node->n_members, sizeof(*edits));
    if (edits == NULL)
        return;
    for (const struct weir_yaml_node *member = node->first; member != NULL; member = member->next)
        n += fill_line(slot, member, edits, n, &edits[n]);
    *(struct weir_edit **)weir_schema_field(slot->base, row->offset) = edits;
    *(size_t *)weir_schema_field(slot->base, row->count_offset) = n;
}

static void fill_element(const struct slot *slot, const struct weir_yaml_node *node, size_t index,
                         void *element)
{
    bool is_named = slot->row->type == WEIR_SCHEMA_NAMED;
    struct weir_path path = {.up = slot->path, .index = index};
    struct weir_why why;

    if (is_named) {
        path.name = node->key->text;
        if (!weir_texts_check_name(path.name, &why))
            weir_path_fault(slot->path, slot->filler->faults, node->key->place, "`%s` %s",
                            weir_faults_quote(path.name).text, why.text);
        *(char **)element = weir_arena_copy(slot->filler->arena, weir_slice_from(path.name));
    }
    fill_section((struct slot){slot->filler, &path, slot->row, element, true}, node);
}

/* An array of structs, from a list or from a mapping of names. The struct at index i is the node's
 * member i, which weir_config_check relies on. */
static void fill_array(const struct slot *slot, const struct weir_yaml_node *node)
{
    const struct weir_schema_row *row = slot->row;
    enum weir_yaml_kind kind = row->type == WEIR_SCHEMA_NAMED ? WEIR_YAML_MAP : WEIR_YAML_LIST;
    size_t index = 0;

    if (node == NULL || node->kind == WEIR_YAML_BROKEN || weir_yaml_is_null(node))
        return;
    if (node->kind != kind) {
        weir_path_fault(slot->path, slot->filler->faults, node->place,
                        "%s stands where %s is expected%s%s", weir_yaml_describe(node),
                        weir_schema_describe(row), row->example != NULL ? "; write it like " : "",
                        row->example != NULL ? row->example : "");
        return;
    }
    /* Most elements of a long array leave most keys out. */
    char *presets = weir_arena_take(slot->filler->arena, 1, row->element_bytes);
    char *elements = weir_arena_take(slot->filler->arena, node->n_members, row->element_bytes);
    if (presets == NULL || elements == NULL)
        return;
    fill_section((struct slot){slot->filler, slot->path, row, presets, false}, NULL);
    for (const struct weir_yaml_node *member = node->first; member != NULL; member = member->next) {
        if (slot->filler->arena->is_exhausted)
            return;
        memcpy(elements + index * row->element_bytes, presets, row->element_bytes);
        fill_element(slot, member, index, elements + index * row->element_bytes);
        index++;
    }
    *(void **)weir_schema_field(slot->base, row->offset) = elements;
    *(size_t *)weir_schema_field(slot->base, row->count_offset) = index;
}

static void fill_row(struct slot slot, const struct weir_yaml_node *node)
{
    if (slot.row->pending != NULL) {
        check_pending(&slot, node);
        fill_preset(&slot);
        return;
    }
    switch (slot.row->type) {
    case WEIR_SCHEMA_SECTION:
        if (slot.row->has_field)
            *(bool *)weir_schema_field(slot.base, slot.row->offset) = node != NULL &&
                                                                      !weir_yaml_is_null(node);
        fill_section(slot, node);
        break;
    case WEIR_SCHEMA_NAMED:
    case WEIR_SCHEMA_SECTIONS:
        fill_array(&slot, node);
        break;
    case WEIR_SCHEMA_ADDRESSES:
    case WEIR_SCHEMA_NETWORKS:
    case WEIR_SCHEMA_SOURCES:
    case WEIR_SCHEMA_REMOVALS:
        fill_list(&slot, node);
        break;
    case WEIR_SCHEMA_LINES:
        fill_lines(&slot, node);
        break;
    default:
        fill_scalar(&slot, node);
    }
}

static void add_unknown_key_fault(const struct slot *section, const struct weir_yaml_node *key,
                                  const struct weir_schema_row *nearest)
{
    const struct weir_schema_row *row = weir_schema_first(section->row);
    struct weir_why hint = {.text = ""};

    if (nearest != NULL)
        weir_why_set(&hint, "did you mean `%s`?", nearest->name);
    else
        weir_why_set(&hint, "the keys here are");
    for (const char *between = " "; nearest == NULL && row != NULL; row = weir_schema_next(row)) {
        weir_why_append(&hint, "%s`%s`", between, row->name);
        between = ", ";
    }
    weir_path_fault(section->path, section->filler->faults, key->place, "unknown key `%s`; %s",
                    weir_faults_quote(key->text).text, hint.text);
}

/* Sorts a section's members to its rows, by the rows' order. A member with a misspelt key counts
 * as its row's, so that the row is not said to be missing as well. */
static void sort_members(const struct slot *section, const struct weir_yaml_node *node,
                         const struct weir_yaml_node *members[KEYS_MAX])
{
    const struct weir_schema_row *first = weir_schema_first(section->row);

    for (const struct weir_yaml_node *member = weir_yaml_first(node); member != NULL;
         member = member->next) {
        const struct weir_schema_row *nearest;
        const struct weir_schema_row *row = weir_schema_find(first, member->key->text, &nearest);
        bool is_known = row != NULL;
        size_t i = 0;
        if (!is_known) {
            add_unknown_key_fault(section, member->key, nearest);
            row = nearest;
        }
        for (const struct weir_schema_row *r = first; r != row && r != NULL;
             r = weir_schema_next(r))
            i++;
        WEIR_ASSERT(i < KEYS_MAX);
        if (is_known)
            members[i] = member;
        else if (row != NULL && members[i] == NULL)
            members[i] = &broken_node;
    }
}

static bool is_empty(const struct weir_schema_row *row, const struct weir_yaml_node *node)
{
    enum weir_yaml_kind kind = row->type == WEIR_SCHEMA_NAMED ? WEIR_YAML_MAP : WEIR_YAML_LIST;

    return node == NULL || weir_yaml_is_null(node) || (node->kind == kind && node->n_members == 0);
}

static void check_required(const struct slot *section, const struct weir_yaml_node *node,
                           const struct weir_schema_row *row, const struct weir_yaml_node *member)
{
    struct weir_place place = node->key == NULL ? node->place : node->key->place;

    if (!row->is_required || !is_empty(row, member))
        return;
    weir_path_fault(section->path, section->filler->faults, member == NULL ? place : member->place,
                    "`%s` is %s; write it like `%s: %s`", row->name,
                    member == NULL ? "missing" : "empty", row->name, row->example);
}

/* Fills the fields of the section's rows in the struct at its base. NODE may be absent or null,
 * which means all defaults. */
static void fill_section(struct slot section, const struct weir_yaml_node *node)
{
    const struct weir_yaml_node *members[KEYS_MAX] = {NULL};
    const struct weir_schema_row *row = weir_schema_first(section.row);
    bool is_map = node != NULL && (node->kind == WEIR_YAML_MAP || weir_yaml_is_null(node));

    if (is_map)
        sort_members(&section, node, members);
    else if (node != NULL && node->kind != WEIR_YAML_BROKEN)
        weir_path_fault(section.path, section.filler->faults, node->place,
                        "%s stands where a mapping is expected, with keys such as `%s`",
                        weir_yaml_describe(node), row->name);
    for (size_t i = 0; row != NULL; row = weir_schema_next(row), i++) {
        struct weir_path path = {.up = section.path, .name = row->name};
        if (is_map)
            check_required(&section, node, row, members[i]);
        if (members[i] != NULL || !section.has_presets)
            fill_row((struct slot){section.filler, &path, row, section.base, section.has_presets},
                     members[i]);
    }
}

void weir_config_fill(struct weir_config *config, const struct weir_yaml_node *tree,
                      struct weir_faults *faults)
{
    struct filler filler = {.arena = &config->arena, .faults = faults};

    fill_section((struct slot){.filler = &filler, .base = config}, tree);
}
